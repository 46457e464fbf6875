"""Bad inputs: a corpus of named cases, mutated lines, made-up tables, and what must not leak."""
