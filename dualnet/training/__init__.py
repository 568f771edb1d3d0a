"""The training loop, its steps, and what is compiled into them."""
