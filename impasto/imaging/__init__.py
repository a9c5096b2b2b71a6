"""Pictures in and out: files, colour, depth, metadata, geometry and animations."""
