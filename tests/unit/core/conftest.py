"""Exact arithmetic, as every process of this project has it."""

from risksvc.core.types import use_exact_arithmetic

use_exact_arithmetic()
