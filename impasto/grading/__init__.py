"""Color grading: the colors of a reference given to photos and videos, by tables of colors (3-D LUTs)."""
