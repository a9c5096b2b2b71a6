"""A page that stylizes in the browser alone: `page/` is ours, `runtime` brings what computes."""
