"""Operations worth a kernel: one folder each, with a reference and the implementations behind one api.py."""
