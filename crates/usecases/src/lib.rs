//! What Tidings does: one file per function, named like it. Plain async functions of their dependencies and an input.
