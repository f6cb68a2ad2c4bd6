# SPDX-License-Identifier: MIT
"""Tests of the launcher and the image builder that start no machine."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..",
                                "tools", "boot"))
