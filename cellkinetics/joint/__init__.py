"""Study + model + population + observation -> ``pm.Model``; never samples."""

from cellkinetics.joint.graph import OMEGA_CALIBRATION_SD, build_model
from cellkinetics.joint.together import Joint, join, predict

__all__ = ["OMEGA_CALIBRATION_SD", "Joint", "build_model", "join", "predict"]
