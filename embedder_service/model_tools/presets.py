"""Preprocessing by name: what the people who trained a network did to its pictures.

Sources of the numbers: keras.applications.imagenet_utils.preprocess_input for the modes `caffe`, `tf` and `torch`;
torchvision.transforms.Resize, CenterCrop, ToTensor and Normalize as the weights of torchvision.models name them;
OpenAI's CLIP for `clip`; the deploy.prototxt of BVLC GoogLeNet for `caffe`.
"""

from dataclasses import dataclass
from typing import Any

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_KERAS_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
_ONES, _ZEROS = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Preset:
    """What becomes of a picture, but for the size and layout, which the graph says."""

    meaning: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour_order: str = "RGB"
    resize_filter: str = "BILINEAR"
    cut_from: float = 0.0
    """Shorter side before the middle is cut out, over the input's side; 0: stretch to the input, aspect ignored."""

    def fields(self, width_px: int, height_px: int) -> dict[str, Any]:
        """Return the fields of `Preprocessing` that follow for an input of this size."""
        shorter_side_px = round(max(width_px, height_px) * self.cut_from)
        return {
            "input_width_px": width_px,
            "input_height_px": height_px,
            "resize_mode": "shorter_side" if shorter_side_px else "stretch",
            "resize_filter": self.resize_filter,
            "resize_px": shorter_side_px,
            "crop": "centre" if shorter_side_px else "none",
            "colour_order": self.colour_order,
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }


_TORCHVISION = 256 / 224

PRESETS = {
    "keras-caffe": Preset(
        "Keras `caffe`: ResNet50/101/152, VGG16/19. BGR less ImageNet's mean, 0 to 255; stretched.",
        scale=1.0,
        mean=_KERAS_CAFFE_MEAN_BGR,
        std=_ONES,
        colour_order="BGR",
    ),
    "keras-tf": Preset(
        "Keras `tf`: MobileNet, InceptionV3, Xception, ResNetV2, NASNet. RGB from -1 to 1; stretched.",
        scale=1 / 127.5,
        mean=_ONES,
        std=_ONES,
    ),
    "keras-torch": Preset(
        "Keras `torch`: DenseNet. RGB from 0 to 1, ImageNet's mean and std; stretched.",
        scale=1 / 255,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
    ),
    "torchvision": Preset(
        "torchvision and the ONNX Model Zoo: shorter side to 8/7 of the input (256 for 224), its middle, "
        "RGB from 0 to 1, ImageNet's mean and std. Weights of V2 want --resize-px 232.",
        scale=1 / 255,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        cut_from=_TORCHVISION,
    ),
    "clip": Preset(
        "OpenAI CLIP and OpenCLIP: shorter side to the input, BICUBIC, its middle, CLIP's mean and std.",
        scale=1 / 255,
        mean=_CLIP_MEAN,
        std=_CLIP_STD,
        resize_filter="BICUBIC",
        cut_from=1.0,
    ),
    "caffe": Preset(
        "BVLC Caffe: shorter side to 8/7 of the input, its middle, BGR less 104, 117 and 123.",
        scale=1.0,
        mean=(104.0, 117.0, 123.0),
        std=_ONES,
        colour_order="BGR",
        cut_from=_TORCHVISION,
    ),
    "pixels": Preset(
        "Pixels from 0 to 255 in RGB, for a graph that does its own arithmetic; stretched.",
        scale=1.0,
        mean=_ZEROS,
        std=_ONES,
    ),
}
