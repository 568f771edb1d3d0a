from typing import Any
def upgraded(entry, note): return entry
def is_old(value): return False
