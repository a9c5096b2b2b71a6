"""A page that stylises in the browser alone: `page/` is ours, `runtime` brings what computes."""
