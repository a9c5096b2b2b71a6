"""Making style networks: photos, the objective, and the loop that ends in a style card."""
