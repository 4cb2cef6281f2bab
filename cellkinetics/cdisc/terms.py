"""Names of pharmacokinetic parameters in CDISC's controlled terminology, and our own beside them.

Source
------
CDISC SDTM controlled terminology, codelists PKPARMCD (C85839) and PKPARM (C85493).
"""

# PPTESTCD -> PPTEST
PPTEST = {
    "AUCALL": "AUC All",
    "AUCIFO": "AUC Infinity Obs",
    "AUCIFOD": "AUC Infinity Obs Norm by Dose",
    "AUCIFP": "AUC Infinity Pred",
    "AUCIFPD": "AUC Infinity Pred Norm by Dose",
    "AUCINT": "AUC from T1 to T2",
    "AUCLST": "AUC to Last Nonzero Conc",
    "AUCPBEO": "AUC %Back Extrapolation Obs",
    "AUCPBEP": "AUC %Back Extrapolation Pred",
    "AUCPEO": "AUC %Extrapolation Obs",
    "AUCPEP": "AUC %Extrapolation Pred",
    "AUMCIFO": "AUMC Infinity Obs",
    "AUMCIFP": "AUMC Infinity Pred",
    "AUMCLST": "AUMC to Last Nonzero Conc",
    "AUMCPEO": "AUMC %Extrapolation Obs",
    "AUMCPEP": "AUMC % Extrapolation Pred",
    "C0": "Initial Conc",
    "CLST": "Last Nonzero Conc",
    "CLSTP": "Last Nonzero Conc Pred",
    "CMAX": "Max Conc",
    "CMAXD": "Max Conc Norm by Dose",
    "CORRXY": "Correlation Between TimeX and Log ConcY",
    "LAMZ": "Lambda z",
    "LAMZHL": "Half-Life Lambda z",
    "LAMZLL": "Lambda z Lower Limit",
    "LAMZNPT": "Number of Points for Lambda z",
    "LAMZSPN": "Lambda z Span",
    "LAMZUL": "Lambda z Upper Limit",
    "MRTEVIFO": "MRT Extravasc Infinity Obs",
    "MRTEVIFP": "MRT Extravasc Infinity Pred",
    "MRTEVLST": "MRT Extravasc to Last Nonzero Conc",
    "MRTIBIFO": "MRT IV Bolus Infinity Obs",
    "MRTIBIFP": "MRT IV Bolus Infinity Pred",
    "MRTIBLST": "MRT IV Bolus to Last Nonzero Conc",
    "MRTICIFO": "MRT IV Cont Inf Infinity Obs",
    "MRTICIFP": "MRT IV Cont Inf Infinity Pred",
    "MRTICLST": "MRT IV Cont Inf to Last Nonzero Conc",
    "R2": "R Squared",
    "R2ADJ": "R Squared Adjusted",
    "TLAG": "Time Until First Nonzero Conc",
    "TLST": "Time of Last Nonzero Conc",
    "TMAX": "Time of CMAX",
}

# Metrics of cellular kinetics that the terminology does not have: sponsor-defined codes.
OWN = {
    "first_detection": ("TFSTDET", "Time of First Detection"),
    "persistence": ("TPERSIST", "Persistence"),
    "time_above_lloq": ("TABVLLOQ", "Time Above LLOQ"),
    "contraction_half_life": ("CONTRHL", "Half-Life of Contraction"),
    "doubling_time": ("DBLTIME", "Doubling Time on the Rise"),
    "fold_expansion": ("FOLDEXP", "Fold Expansion"),
}
