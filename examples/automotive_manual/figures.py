"""The example manual's figures: simple vector drawings with numbered call-outs, sizes in millimetres."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

Paint: TypeAlias = Callable[[Canvas], None]
ORANGE, BLUE, RED, GREY = HexColor("#e87500"), HexColor("#2b6cb0"), HexColor("#b3261e"), HexColor("#d5dae0")


class Pen:
    """Draws in millimetres on a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        canvas.setLineWidth(0.8)
        canvas.setStrokeColor(black)

    def box(self, x: float, y: float, w: float, h: float, text: str = "", fill: HexColor = white) -> None:
        """Draw a rounded box with a text in its middle."""
        self.canvas.setFillColor(fill)
        self.canvas.roundRect(x * mm, y * mm, w * mm, h * mm, 1.2 * mm, stroke=1, fill=1)
        self.text(x + w / 2, y + h / 2 - 1, text)

    def ring(self, x: float, y: float, r: float, fill: HexColor = white) -> None:
        """Draw a circle."""
        self.canvas.setFillColor(fill)
        self.canvas.circle(x * mm, y * mm, r * mm, stroke=1, fill=1)

    def text(self, x: float, y: float, text: str, size: float = 7) -> None:
        """Write centred text."""
        self.canvas.setFillColor(black)
        self.canvas.setFont("Helvetica", size)
        self.canvas.drawCentredString(x * mm, y * mm, text)

    def path(self, *points: tuple[float, float], colour: HexColor = black, width: float = 0.8) -> None:
        """Draw a line through points."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(width)
        for (x0, y0), (x1, y1) in pairwise(points):
            self.canvas.line(x0 * mm, y0 * mm, x1 * mm, y1 * mm)
        self.canvas.setStrokeColor(black)
        self.canvas.setLineWidth(0.8)

    def call(self, number: str, x: float, y: float, to_x: float, to_y: float) -> None:
        """Put a numbered call-out at (x, y) with a leader to a point."""
        self.path((x, y), (to_x, to_y), width=0.4)
        self.canvas.setFillColor(black)
        self.canvas.circle(to_x * mm, to_y * mm, 0.5 * mm, stroke=0, fill=1)
        self.ring(x, y, 2.4)
        self.text(x, y - 0.9, number, 7)


def car_side(pen: Pen) -> None:
    """Draw the car's outline from the left, 100 mm long."""
    pen.path((2, 10), (2, 18), (8, 21), (26, 23), (40, 34), (72, 34), (88, 24), (98, 22), (99, 10), (2, 10))
    pen.path((29, 23), (41, 32), (55, 32), (55, 23), (29, 23))
    pen.path((58, 23), (58, 32), (71, 32), (83, 23), (58, 23))
    for x in (20, 80):
        pen.ring(x, 10, 7.5, GREY)
        pen.ring(x, 10, 4)


def car_top(pen: Pen) -> None:
    """Draw the car's outline from above, front to the left, 110 mm long."""
    pen.canvas.setFillColor(white)
    pen.canvas.roundRect(2 * mm, 4 * mm, 106 * mm, 40 * mm, 8 * mm, stroke=1, fill=1)
    pen.path((32, 8), (40, 12), (40, 36), (32, 40), (32, 8))
    pen.path((92, 8), (86, 12), (86, 36), (92, 40), (92, 8))
    for x in (16, 84):
        for y in (1, 43):
            pen.box(x, y, 14, 4, fill=GREY)


def identification(canvas: Canvas) -> None:
    pen = Pen(canvas)
    car_side(pen)
    pen.call("1", 30, 40, 33, 27)
    pen.call("2", 12, 34, 18, 22)
    pen.call("3", 56, 42, 56, 18)
    pen.call("4", 70, 42, 62, 14)
    pen.call("5", 92, 36, 90, 20)


def high_voltage(canvas: Canvas) -> None:
    pen = Pen(canvas)
    car_top(pen)
    pen.box(8, 18, 15, 14, "engine", GREY)
    pen.box(12, 8, 16, 8, "inverter", ORANGE)
    pen.box(52, 14, 30, 20, "HV battery", ORANGE)
    pen.path((28, 12), (46, 12), (46, 24), (52, 24), colour=ORANGE, width=2)
    pen.box(88, 30, 8, 8, "OBC", ORANGE)
    pen.path((82, 32), (88, 34), colour=ORANGE, width=2)
    pen.box(96, 10, 8, 8, "12 V")
    pen.call("1", 28, 54, 26, 14)
    pen.call("2", 40, 54, 40, 12)
    pen.call("3", 66, 54, 66, 30)
    pen.call("4", 82, 54, 80, 24)
    pen.call("5", 94, 54, 92, 36)
    pen.call("6", 106, 54, 101, 16)


def service_plug(canvas: Canvas) -> None:
    pen = Pen(canvas)
    for left, name, angle in ((4, "A", 0), (40, "B", 18), (76, "C", 34)):
        pen.box(left, 4, 28, 9, fill=GREY)
        pen.box(left + 6, 13, 16, 8, fill=ORANGE)
        pen.path(
            (left + 8, 21), (left + 8 + angle / 5, 29), (left + 20 + angle / 5, 29), (left + 20, 21), width=2
        )
        pen.text(left + 14, 0.5, name, 8)
    pen.canvas.setFillColor(black)
    pen.call("1", 26, 34, 19, 29)
    pen.call("2", 1, 26, 11, 17)
    pen.call("3", 108, 22, 98, 17)


def oil_drain(canvas: Canvas) -> None:
    canvas.translate(0, 3 * mm)
    pen = Pen(canvas)
    pen.box(10, 18, 80, 16, "engine", GREY)
    pen.path((16, 18), (20, 6), (72, 6), (78, 18))
    pen.box(66, 2.5, 5, 6, fill=ORANGE)
    pen.ring(30, 14, 5, ORANGE)
    pen.box(44, 34, 6, 5, fill=ORANGE)
    pen.path((84, 34), (84, 42), (87, 42))
    pen.call("1", 80, 0, 69, 4)
    pen.call("2", 6, 10, 27, 14)
    pen.call("3", 58, 44, 48, 38)
    pen.call("4", 96, 44, 86, 42)


def cooling(canvas: Canvas) -> None:
    canvas.translate(0, 2 * mm)
    pen = Pen(canvas)
    pen.box(2, 30, 12, 24, "radiator", GREY)
    pen.box(42, 34, 24, 16, "engine")
    pen.box(24, 40, 10, 6, "pump")
    pen.box(76, 40, 16, 8, "heater")
    pen.path((14, 43), (24, 43), colour=RED, width=1.6)
    pen.path((34, 43), (42, 43), colour=RED, width=1.6)
    pen.path((66, 46), (76, 46), colour=RED, width=1.6)
    pen.path((54, 50), (54, 58), (8, 58), (8, 54), colour=RED, width=1.6)
    pen.box(2, 2, 12, 20, "LT rad.", GREY)
    pen.box(24, 8, 10, 6, "pump")
    pen.box(42, 6, 18, 10, "inverter")
    pen.box(68, 6, 14, 10, "OBC")
    pen.box(90, 6, 14, 10, "chiller")
    pen.path((14, 11), (24, 11), colour=BLUE, width=1.6)
    pen.path((34, 11), (42, 11), colour=BLUE, width=1.6)
    pen.path((60, 11), (68, 11), colour=BLUE, width=1.6)
    pen.path((82, 11), (90, 11), colour=BLUE, width=1.6)
    pen.path((97, 16), (97, 24), (8, 24), (8, 22), colour=BLUE, width=1.6)
    pen.call("1", 30, 62, 30, 58)
    pen.call("2", 98, 56, 84, 48)
    pen.call("3", 60, 29, 60, 24)
    pen.call("4", 29, 1, 29, 8)
    pen.call("5", 106, 1, 98, 6)


def wheel_sequence(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.ring(28, 24, 22, GREY)
    pen.ring(28, 24, 13)
    pen.ring(28, 24, 4)
    for text, x, y in (
        ("1", 28, 33),
        ("3", 36.6, 26.8),
        ("5", 33.3, 16.7),
        ("2", 22.7, 16.7),
        ("4", 19.4, 26.8),
    ):
        pen.ring(x, y, 2.6, ORANGE)
        pen.text(x, y - 1, text, 7)


def brake_disc(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.box(30, 4, 5, 40, fill=GREY)
    pen.box(37, 4, 5, 40, fill=GREY)
    pen.box(22, 24, 6, 18, fill=ORANGE)
    pen.box(44, 24, 6, 18, fill=ORANGE)
    pen.box(18, 24, 4, 18)
    pen.box(50, 24, 4, 18)
    pen.path((30, 1), (42, 1))
    pen.call("1", 60, 4, 42, 1)
    pen.call("2", 8, 46, 25, 40)
    pen.call("3", 64, 40, 52, 36)
    pen.call("4", 8, 20, 30, 14)


def charge_inlet(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.ring(24, 22, 18, GREY)
    pen.ring(24, 22, 14)
    for x, y, r in (
        (18, 29, 1.6),
        (30, 29, 1.6),
        (15, 22, 2.4),
        (24, 22, 2.4),
        (33, 22, 2.4),
        (19, 14, 2.4),
        (29, 14, 2.4),
    ):
        pen.ring(x, y, r, BLUE)
    pen.box(48, 30, 10, 6, "LED")
    pen.box(62, 6, 34, 30)
    pen.path((66, 20), (74, 20), (78, 26), colour=ORANGE, width=2)
    pen.call("1", 6, 44, 18, 29)
    pen.call("2", 44, 44, 33, 22)
    pen.call("3", 64, 44, 54, 36)
    pen.call("4", 100, 42, 76, 23)


def fuse_box(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.box(2, 2, 100, 44)
    for at in range(12):
        pen.box(8 + (at % 6) * 11, 32 - (at // 6) * 11, 8, 7, f"FE{at + 1}", GREY)
    for at in range(6):
        pen.box(8 + at * 11, 6, 8, 9, f"FE{at + 13}", GREY)
    for at, name in enumerate(("R1", "R2", "R3")):
        pen.box(78, 8 + at * 12, 18, 9, name, BLUE)


def jacking(canvas: Canvas) -> None:
    canvas.translate(0, 8 * mm)
    pen = Pen(canvas)
    car_top(pen)
    for number, x, y, to_x, to_y in (
        ("1", 38, 54, 34, 43), ("2", 74, 54, 80, 43), ("1", 38, -5, 34, 5), ("2", 74, -5, 80, 5),
    ):  # fmt: skip
        pen.box(to_x - 2, to_y - 1.5, 4, 3, fill=ORANGE)
        pen.call(number, x, y, to_x, to_y)
    pen.ring(8, 24, 2.4, ORANGE)
    pen.ring(102, 24, 2.4, ORANGE)
    pen.call("3", -4, 38, 8, 24)
    pen.call("4", 114, 38, 102, 24)


def bonnet_12v(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.box(4, 4, 44, 26, "12 V battery", GREY)
    pen.box(8, 30, 6, 4, "-")
    pen.box(38, 30, 6, 4, "+", RED)
    pen.path((14, 32), (24, 40), (60, 40), width=1.6)
    pen.box(60, 20, 26, 14, "sensor")
    pen.path((66, 34), (66, 40), (60, 40), width=1.6)
    pen.call("1", 2, 42, 11, 33)
    pen.call("2", 52, 30, 42, 33)
    pen.call("3", 94, 40, 80, 32)


def key_fob(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.box(6, 6, 22, 36, fill=GREY)
    for y, text in ((32, "lock"), (23, "unlock"), (14, "boot")):
        pen.box(10, y, 14, 6, text)
    pen.box(56, 6, 22, 36, fill=GREY)
    pen.ring(67, 22, 7.5)
    pen.text(67, 21, "+", 9)
    pen.path((80, 10), (86, 10), (86, 38), (80, 38))
    pen.call("1", 40, 12, 56, 10)
    pen.call("2", 42, 34, 61, 24)
    pen.call("3", 96, 30, 86, 26)


def level_marks(canvas: Canvas) -> None:
    pen = Pen(canvas)
    pen.box(10, 6, 30, 34)
    pen.box(10, 6, 30, 20, fill=BLUE)
    pen.path((10, 30), (24, 30))
    pen.path((10, 16), (24, 16))
    pen.box(18, 40, 14, 6, fill=GREY)
    pen.call("1", 54, 44, 30, 43)
    pen.call("2", 54, 32, 24, 30)
    pen.call("3", 54, 14, 24, 16)


FIGURES: dict[str, tuple[float, float, Paint]] = {
    "identification": (102, 46, identification),
    "high-voltage": (112, 58, high_voltage),
    "service-plug": (112, 38, service_plug),
    "oil-drain": (100, 50, oil_drain),
    "cooling": (110, 68, cooling),
    "wheel-sequence": (56, 48, wheel_sequence),
    "brake-disc": (70, 50, brake_disc),
    "charge-inlet": (104, 48, charge_inlet),
    "fuse-box": (104, 48, fuse_box),
    "jacking": (112, 66, jacking),
    "battery-12v": (98, 46, bonnet_12v),
    "key-fob": (98, 46, key_fob),
    "level-marks": (60, 50, level_marks),
}
