"""Imported by Python at the start of every process that has this folder on its path.

Nothing of the product knows of it: the harness puts the folder on the path of the services that it starts,
to see how many of their outputs were unconfirmed when they died, and to plant faults in them.
"""

import os

if os.environ.get("PENSTOCK_FAULTS_PROBE") or os.environ.get("PENSTOCK_FAULTS_PLANT"):
    from faults import inside

    inside.install(os.environ.get("PENSTOCK_FAULTS_PROBE", ""), os.environ.get("PENSTOCK_FAULTS_PLANT", ""))
