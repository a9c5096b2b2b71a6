"""The page that visitors see. All use of Gradio is in this package."""
