#!/usr/bin/env python3
"""Writes src/kernel/quant_grid.cc: the grids that the IQ1, IQ2 and IQ3 formats are defined by.

    pip install gguf numpy
    tools/golden/quant_grid.py

A grid is data of the file format: its entries are what its authors' training found, and no formula
gives them. gguf-py has them as levels per column; they are written as one number an entry, the
first column in the lowest bits.
"""
import pathlib

import gguf
import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/kernel/quant_grid.cc"
GRIDS = [("kGridIq2Xxs", gguf.quants.IQ2_XXS), ("kGridIq2Xs", gguf.quants.IQ2_XS),
         ("kGridIq2S", gguf.quants.IQ2_S), ("kGridIq3Xxs", gguf.quants.IQ3_XXS),
         ("kGridIq3S", gguf.quants.IQ3_S), ("kGridIq1", gguf.quants.IQ1_S)]

text = ["// Written by tools/golden/quant_grid.py.", '#include "kernel/quant_grid.h"', "",
        "namespace strata::kernel::quant {", ""]
for name, kind in GRIDS:
    kind.init_grid()
    entries, columns = kind.grid_shape
    bits = 2 if columns == 8 else 3
    level = {float(v): i for i, v in enumerate(kind.grid_map)}
    grid = kind.grid.reshape(entries, columns)
    numbers = [sum(level[float(v)] << bits * i for i, v in enumerate(row)) for row in grid]
    text.append(f"const uint16_t {name}[{entries}] = {{")
    for at in range(0, entries, 12):
        text.append("    " + ", ".join(f"0x{n:04x}" for n in numbers[at:at + 12]) + ",")
    text += ["};", ""]
text.append("}  // namespace strata::kernel::quant")
OUT.write_text("\n".join(text) + "\n")
