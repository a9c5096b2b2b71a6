"""What visitors see. Everything of Gradio is in this room."""
