"""File formats of pictures, one module each: what Pillow does not read or write, or not as needed."""
