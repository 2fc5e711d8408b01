"""The catalogue of `likeness-models pull`: networks of the ONNX Model Zoo, and the size and hash that each must have.

Repository onnx/models at the commit below. Its files are in Git LFS: they are at the `media` form of the raw address.
"""

from dataclasses import dataclass

COMMIT = "b1eeaa1ac722dcc1cd1a8284bde34393dab61c3d"
BASE = f"https://media.githubusercontent.com/media/onnx/models/{COMMIT}/validated/vision/classification/"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, and what is to become of it."""

    path: str
    """Below the base address."""
    size_bytes: int
    sha256: str
    description: str
    preset: str = "torchvision"
    output: str | None = None
    """The feature, where the last pooling is not it."""
    license: str = "Apache-2.0"
    min_cosine: float = 0.9999

    @property
    def name(self) -> str:
        """The file's name without its ending: the model's."""
        return self.path.rpartition("/")[2].removesuffix(".onnx")


# Integer sums saturate on processors without VNNI: the same picture may have a slightly other vector there.
_INT8_COSINE = 0.99

CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            "resnet/model/resnet50-v1-12.onnx",
            102_576_593,
            "3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526",
            "ResNet50 v1, ImageNet-1k, 2048 numbers",
        ),
        Entry(
            "resnet/model/resnet50-v1-12-int8.onnx",
            25_816_052,
            "c234f30975989788b4405f25253275aae247ab6dbdd34aaa69ab0a59ff76f6d0",
            "ResNet50 v1 in 8-bit integers",
            min_cosine=_INT8_COSINE,
        ),
        Entry(
            "resnet/model/resnet50-v2-7.onnx",
            102_442_452,
            "79102261eb6e5fd7af5d27f41316293e388c5cb691e5d25bfb035c4f64fefe31",
            "ResNet50 v2, ImageNet-1k, 2048 numbers",
        ),
        Entry(
            "vgg/model/vgg16-12.onnx",
            553_437_752,
            "722c42f53ca03a5480296bf8f9c85a151de3eed9ec982d7d2302ff6e2900c67b",
            "VGG16, ImageNet-1k, maxima of its last map, 512 numbers",
        ),
        Entry(
            "vgg/model/vgg16-12-int8.onnx",
            138_407_238,
            "0d0a8e1d69f70404421e37dbad4f8bd21d42758e9f426bd5b39e9e4e9e1afa23",
            "VGG16 in 8-bit integers",
            min_cosine=_INT8_COSINE,
        ),
        Entry(
            "mobilenet/model/mobilenetv2-12.onnx",
            13_964_571,
            "c0c3f76d93fa3fd6580652a45618618a220fced18babf65774ed169de0432ad5",
            "MobileNetV2 1.0, ImageNet-1k, 1280 numbers",
        ),
        Entry(
            "mobilenet/model/mobilenetv2-12-int8.onnx",
            3_655_033,
            "cc028fe6cae7bc11a4ff53cfc9b79c920e8be65ce33a904ec3e2a8f66d77f95f",
            "MobileNetV2 1.0 in 8-bit integers",
            min_cosine=_INT8_COSINE,
        ),
        Entry(
            "squeezenet/model/squeezenet1.1-7.onnx",
            4_956_208,
            "1eeff551a67ae8d565ca33b572fc4b66e3ef357b0eb2863bb9ff47a918cc4088",
            "SqueezeNet 1.1, ImageNet-1k, 512 numbers",
            # Its last pooling is of the scores of classes.
            output="squeezenet0_concat7",
        ),
        Entry(
            "inception_and_googlenet/googlenet/model/googlenet-12.onnx",
            28_021_836,
            "c99c507058eaf41de8723408fdda7db8325cb57f0a89f2ee07a716d6e963e14e",
            "GoogLeNet, ImageNet-1k, 1024 numbers",
            preset="caffe",
        ),
    )
}
