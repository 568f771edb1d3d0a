"""``python -m dualnet_cli`` is the ``dualnet`` command."""

from .main import main

if __name__ == "__main__":
    main()
