#!/usr/bin/env python3
"""Runs whole-machine tests: run.py [--list | NAME...]. See guest.py for its environment."""
import sys

import boot  # noqa: F401
import command_line  # noqa: F401
import gdb  # noqa: F401
import hash  # noqa: F401
import linux  # noqa: F401
import monitor  # noqa: F401
import translator  # noqa: F401
from guest import main

sys.exit(main())
