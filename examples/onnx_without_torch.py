"""A photo through an exported style, without PyTorch: python onnx_without_torch.py MODEL PHOTO PICTURE."""

import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, photo, picture = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
pixels = np.asarray(ImageOps.exif_transpose(Image.open(photo)).convert("RGB"), np.float32) / 255
(painted,) = session.run(None, {"image": pixels.transpose(2, 0, 1)[None]})
Image.fromarray((painted[0].transpose(1, 2, 0) * 255).round().astype(np.uint8)).save(picture)
