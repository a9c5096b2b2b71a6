"""Web page that stylizes in the browser: `page/` has the page's files, `runtime` fetches onnxruntime-web."""
