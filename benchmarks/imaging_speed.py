"""How long it takes from DICOM to an opinion, against torch, and to write SEG and SR of a 200-slice CT, against plain highdicom.

    python benchmarks/imaging_speed.py

The series is the phantom of examples/imaging at 512 x 512; the regions are both lungs and twenty balls, the same for both. Times are the
best of some repeats; objects of both sides are read back by highdicom and their voxels compared before any number is printed.

The opinion is that of two U-Nets and their mirror images on an ultrasound picture of the example ward: reading, preparing, outlining,
answering, calibrating. Ours runs the ONNX graph as it is served, on one thread; torch runs the same networks eagerly on two, or on one
where that is faster. Medians of turns taken by both; both give the same opinion. `ratio_vs_torch` is torch's milliseconds over ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import highdicom as hd
import numpy as np
import pydicom
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from rich.console import Console
from rich.table import Table

from consilium.imaging.derived import write
from consilium.imaging.detect import places
from consilium.imaging.finding import Finding, Measurement, Reading
from consilium.imaging.look import Seen
from consilium.imaging.measure import measure
from consilium.imaging.network_unet import OUTPUTS, exported_unet, outlined, unet
from consilium.imaging.region import of_mask
from consilium.imaging.report_sr import structured_report
from consilium.imaging.seated import calibrated
from consilium.imaging.seg import segmentation
from consilium.imaging.series import read_series, volume
from consilium.imaging.specialist import FOLDER, cards, model
from consilium.imaging.task_lungs import Lungs
from consilium.imaging.task_picture import prepared
from consilium.models.odds import probability_of
from consilium.models.sealed import session

BALLS = 20
PICTURE = Path(__file__).parents[1] / "examples" / "ward" / "images" / "01-amara-okafor" / "ultrasound.dcm"
WARM, TURNS = 3, 25
_SPEC = importlib.util.spec_from_file_location("phantom", Path(__file__).parents[1] / "examples" / "imaging" / "phantom.py")
phantom = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(phantom)


def best(act: Callable[[], object], repeats: int) -> tuple[float, object]:
    times, made = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        made = act()
        times.append(time.perf_counter() - start)
    return min(times), made


def regions(shape: tuple[int, ...], spacing: tuple[float, ...]) -> list[np.ndarray]:
    """Two lungs as the phantom makes them, and balls of 4 to 12 mm."""
    z, y, x = (((np.arange(n) - (n - 1) / 2) * s).astype(np.float32) for n, s in zip(shape, spacing, strict=True))
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    made = [(z / 70) ** 2 + ((x - side * 65) / 45) ** 2 + (y / 65) ** 2 < 1 for side in (1, -1)]
    random = np.random.default_rng(1)
    for _ in range(BALLS):
        cz, cx, cy = random.uniform((-60, -90, -40), (60, 90, 40))
        made.append((z - cz) ** 2 + (x - cx) ** 2 + (y - cy) ** 2 < random.uniform(4, 12) ** 2)
    return made


def plain_seg(sources: list[pydicom.Dataset], masks: list[np.ndarray], path: Path) -> hd.seg.Segmentation:
    """As highdicom's documentation writes a segmentation of several, possibly overlapping, segments."""
    algorithm = hd.AlgorithmIdentificationSequence("peer", codes.DCM.ArtificialIntelligence, "1")
    described = [
        hd.seg.SegmentDescription(
            number, f"segment {number}", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Nodule,
            hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm, tracking_uid=hd.UID(), tracking_id=str(number),
        )
        for number in range(1, len(masks) + 1)
    ]  # fmt: skip
    made = hd.seg.Segmentation(
        source_images=sources, pixel_array=np.stack(masks, -1).astype(np.uint8), segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described, series_instance_uid=hd.UID(), series_number=2, sop_instance_uid=hd.UID(), instance_number=1,
        manufacturer="peer", manufacturer_model_name="peer", software_versions="1", device_serial_number="1",
    )  # fmt: skip
    made.save_as(path)
    return made


def plain_sr(
    sources: list[pydicom.Dataset], seg: hd.seg.Segmentation, measured: list[tuple[Measurement, ...]], path: Path
) -> hd.sr.Comprehensive3DSR:
    """As highdicom's documentation writes a TID 1500 report of volumes."""
    observer = hd.sr.ObserverContext(codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(uid=hd.UID(), name="peer"))
    context = hd.sr.ObservationContext(observer_device_context=observer)
    groups = []
    for number, told in enumerate(measured, start=1):
        # `ReferencedSegment.from_segmentation` reads the whole of the pixel array for each; a reference by hand is the faster way
        segment = hd.sr.ReferencedSegment(
            seg.SOPClassUID, seg.SOPInstanceUID, number,
            source_series=hd.sr.SourceSeriesForSegmentation(sources[0].SeriesInstanceUID),
        )  # fmt: skip
        groups.append(
            hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=hd.sr.TrackingIdentifier(hd.UID(), str(number)), referenced_segment=segment,
                finding_type=codes.SCT.Nodule,
                measurements=[
                    hd.sr.Measurement(codes.SCT.Volume, told[0].value, Code("mL", "UCUM", "milliliter")),
                    hd.sr.Measurement(codes.SCT.LongAxis, told[1].value, codes.UCUM.Millimeter),
                ],
            )
        )  # fmt: skip
    report = hd.sr.MeasurementReport(context, codes.LN.CTUnspecifiedBodyRegion, imaging_measurements=groups)
    made = hd.sr.Comprehensive3DSR(
        evidence=[*sources, seg], content=report, series_number=3, series_instance_uid=hd.UID(), sop_instance_uid=hd.UID(),
        instance_number=1, manufacturer="peer", is_complete=True, is_final=True,
    )  # fmt: skip
    made.save_as(path)
    return made


def against_torch() -> dict[str, float]:
    """Median milliseconds from a DICOM file to an opinion by ONNX and by torch, and how many times faster ONNX is."""
    import torch

    card, (_, held) = cards()["breast_ultrasound"], model(FOLDER / "breast_ultrasound", ("X",), OUTPUTS)
    members = [unet(card.image["channels"], 1).eval() for _ in range(2)]
    shape = (card.image["channels"], card.image["rows"], card.image["columns"])
    graph = session(exported_unet(members, shape, mirrors="h").SerializeToString(), set(OUTPUTS))

    def by_onnx(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return outlined(graph, image[None])

    def by_torch(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            x = torch.from_numpy(image[None])
            views = [(x, ()), (torch.flip(x, (3,)), (3,))]
            told = [
                (torch.flip(mask, axes) if axes else mask, answer) for m in members for view, axes in views for mask, answer in [m(view)]
            ]
            return torch.stack([mask for mask, _ in told]).mean(0).numpy(), torch.stack([answer for _, answer in told]).mean(0).numpy()

    def opinion(network: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> tuple[float, int]:
        (found,), _ = read_series([PICTURE])
        image = prepared(volume(found, found.stacks[0]), card.image)
        mask, told = network(image)
        return float(calibrated(told[:, 0].astype(float), held).probability[0]), len(places(probability_of(mask[0, 0])))

    def one(network: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], threads: int) -> float:
        torch.set_num_threads(threads)
        start = time.perf_counter()
        opinion(network)
        return 1000 * (time.perf_counter() - start)

    ours, theirs = opinion(by_onnx), opinion(by_torch)
    assert abs(ours[0] - theirs[0]) < 2e-3 and ours[1] == theirs[1], (ours, theirs)
    turns = [(one(by_onnx, 1), one(by_torch, 1), one(by_torch, 2)) for _ in range(WARM + TURNS)][WARM:]
    onnx_ms, *torch_ms = np.median(turns, axis=0)
    return {"opinion_ms_onnx": onnx_ms, "opinion_ms_torch": min(torch_ms), "ratio_vs_torch": min(torch_ms) / onnx_ms}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--slices", type=int, default=200)
    asked.add_argument("--size", type=int, default=512)
    asked.add_argument("--repeats", type=int, default=3)
    given = asked.parse_args()
    slices, times = given.slices, given.repeats
    spacing = (200 / slices, 360 / given.size, 360 / given.size)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        array = phantom.phantom(slices, given.size, spacing)
        phantom.write_series(folder / "ct", array, spacing)
        del array
        read_seconds, (series, image) = best(lambda: _read(folder / "ct"), times)
        stack = series.stacks[0]
        masks = regions(image.shape, spacing)
        labels = ["left_lung", "right_lung"] + ["lung_nodule"] * BALLS
        found = [(label, of_mask(mask)) for label, mask in zip(labels, masks, strict=True)]
        measured = [measure(region, image) for _, region in found]
        reading = Reading("bench", "1", tuple(Finding(label, "candidate", r, m) for (label, r), m in zip(found, measured, strict=True)))
        seg_seconds, seg = best(lambda: _seg(series, stack, reading, folder / "seg.dcm"), times)
        sr_seconds, _ = best(lambda: write(structured_report(series, stack, reading, seg), folder / "sr.dcm"), times)
        sources = [pydicom.dcmread(f) for f in sorted((folder / "ct").iterdir())]
        peer_seg_seconds, peer = best(lambda: plain_seg(sources, masks, folder / "peer-seg.dcm"), times)
        peer_sr_seconds, _ = best(lambda: plain_sr(sources, peer, measured, folder / "peer-sr.dcm"), times)
        _same(folder, masks, [s.SOPInstanceUID for s in sources])
        lungs_seconds, answer = best(lambda: Seen(image, (Lungs()(image),)), times)
        assert {f.label for f in answer.readings[0].findings} >= {"left_lung", "right_lung"}
    title = f"{slices} slices of {given.size} x {given.size}, {2 + BALLS} regions, 2 threads"
    table = Table("what", "consilium, s", "highdicom, s", title=title)
    rows = [("SEG", seg_seconds, peer_seg_seconds), ("SR", sr_seconds, peer_sr_seconds), ("read the series", read_seconds, None)]
    rows.append(("lungs and candidates", lungs_seconds, None))
    for what, ours, theirs in rows:
        table.add_row(what, f"{ours:.2f}", "" if theirs is None else f"{theirs:.2f}")
    Console().print(table)
    beside = against_torch() if importlib.util.find_spec("torch") else {}
    if beside:
        opinions = Table("DICOM in to opinion", "ms a picture", title=f"two U-Nets and mirror images, medians of {TURNS} turns")
        opinions.add_row("consilium (ONNX, 1 thread)", f"{beside['opinion_ms_onnx']:.1f}")
        opinions.add_row("torch, eager (1 or 2 threads, the faster)", f"{beside['opinion_ms_torch']:.1f}")
        Console().print(opinions)
    else:
        print("torch is not installed (extra `train`): nothing to compare the opinion with")
    told = {
        "seg_seconds": seg_seconds, "sr_seconds": sr_seconds, "peer_seg_seconds": peer_seg_seconds, "peer_sr_seconds": peer_sr_seconds,
        "read_ms_per_image": 1000 * read_seconds / slices, "opinion_ms_per_image": 1000 * (read_seconds + lungs_seconds) / slices,
        **beside,
    }  # fmt: skip
    print(json.dumps({key: round(value, 3) for key, value in told.items()}))


def _read(folder: Path) -> tuple[object, object]:
    (found,), _ = read_series([folder])
    return found, volume(found, found.stacks[0])


def _seg(series: object, stack: object, reading: Reading, path: Path) -> object:
    made = segmentation(series, stack, reading)
    write(made.data, path)
    return made


def _same(folder: Path, masks: list[np.ndarray], instances: list[str]) -> None:
    """Both sides wrote the same voxels, which highdicom reads; and both reports hold every region."""
    for name in ("seg.dcm", "peer-seg.dcm"):
        seg = hd.seg.segread(folder / name)
        for number, mask in enumerate(masks, start=1):
            held = seg.get_pixels_by_source_instance(instances, segment_numbers=[number], combine_segments=False)
            assert np.array_equal(held[..., 0].astype(bool), mask), f"{name}, segment {number}"
    for name in ("sr.dcm", "peer-sr.dcm"):
        assert len(hd.sr.srread(folder / name).content.get_volumetric_roi_measurement_groups()) == len(masks)


if __name__ == "__main__":
    main()
