"""Pictures in and out: files, color, depth, metadata, geometry and animations."""
