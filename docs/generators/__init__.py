"""What makes the pages, tables and pictures of the documentation that follow from something else."""
