"""DeepStream: a folder with what the nvinfer element reads.

The keys are those of NVIDIA's documentation of Gst-nvinfer. Its own parser takes a one-channel
output: class 0, the person, where the matte is above the threshold, else no class. The matte itself
is what ``output-tensor-meta`` attaches to the frame.
"""

from __future__ import annotations

from livematte.export.targets import Built, Job
from livematte.export.tensorrt import convert_typed
from livematte.spec import ModelSpec

__all__ = ["CONFIGURATION", "LABELS", "build"]

CONFIGURATION = "config_infer.txt"
LABELS = "labels.txt"

_FP32, _FP16 = 0, 2  # of network-mode


def build(job: Job) -> Built:
    """``NAME.onnx``, the configuration and the labels."""
    files = {
        f"{job.name}.onnx": convert_typed(job),
        CONFIGURATION: _configuration(job.name, job.spec).encode(),
        LABELS: b"person\n",
    }
    note = f"not run here: DeepStream needs an NVIDIA GPU; give {CONFIGURATION} to nvinfer there"
    return Built(files, (note,))


def _configuration(name: str, spec: ModelSpec) -> str:
    letterbox = int(spec.fit == "letterbox")
    mode = _FP16 if spec.precision == "fp16" else _FP32
    return f"""\
# {name}: a matte of the people in a frame, {spec.width}×{spec.height}. Licence: {spec.licence}
[property]
gpu-id=0
gie-unique-id=1
# whole frames, every one of them
process-mode=1
interval=0
batch-size=1

onnx-file={name}.onnx
model-engine-file={name}.onnx_b1_gpu0_{spec.precision}.engine
labelfile-path={LABELS}
# 0: FP32, 2: FP16
network-mode={mode}

# the model takes RGB in [0, 1] and normalises inside
infer-dims=3;{spec.height};{spec.width}
net-scale-factor=0.00392156862745098
model-color-format=0
network-input-order=0
maintain-aspect-ratio={letterbox}
symmetric-padding={letterbox}
# 1: bilinear
scaling-filter=1

# segmentation: the person is class 0, the background has none (-1)
network-type=2
num-detected-classes=1
segmentation-threshold=0.5
segmentation-output-order=0
output-blob-names=alpha
# the matte itself, with its soft edges, as NvDsInferTensorMeta
output-tensor-meta=1
"""
