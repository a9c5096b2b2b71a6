"""Train style networks: photos, objectives, and the training loop, which writes a style card."""
