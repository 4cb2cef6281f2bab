"""Hold the wheel's contents against the files that git tracks: nothing missing, nothing extra."""

import subprocess
import sys
import zipfile

FOLDERS = {
    "cellkinetics/": "cellkinetics/",
    "models/": "cellkinetics/models/",
    "fits/": "cellkinetics/fits/",
}


def main(wheel: str) -> int:
    """Compare and say what differs; 1 if anything does."""
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS], capture_output=True, text=True, check=True
    ).stdout.split()
    wanted = {
        packed + path.removeprefix(folder)
        for path in tracked
        for folder, packed in FOLDERS.items()
        if path.startswith(folder)
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    for name in sorted(wanted - found):
        print(f"missing from the wheel: {name}")
    for name in sorted(found - wanted):
        print(f"in the wheel, not in git: {name}")
    print(f"{len(found & wanted)} files as tracked")
    return int(wanted != found)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
