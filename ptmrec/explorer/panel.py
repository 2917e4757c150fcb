"""The panel of notebook 00: choose images, a preset and limits; table, plot and explanation follow."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ptmrec.benchmark.battery import DEMO as FIRST_DEMO
from ptmrec.benchmark.battery import BatterySet, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PRESETS, PathsConfig
from ptmrec.core.errors import ConfigError, DataError, PtmrecError
from ptmrec.core.words import count_of, html_text, short_count
from ptmrec.explorer.drawing import ALT, draw, readable
from ptmrec.plots.style import vector
from ptmrec.recommender.page import reason_html, remarks, table_html, warning_html
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.recommender.request import recommend

DEMO = "demo:"
"""Prefix of image sets of the battery; anything else is a path."""
FOLDER = "folder"
"""Value of the image chooser that stands for a path typed beside it."""
SHOWN, MOST_SHOWN = 5, 20
_LABEL_WIDTH = "100px"
_LABEL = {"description_width": _LABEL_WIDTH}
_PLOT_WIDTH = 4.3
"""Inches, so that text drawn beside the table is as large as text in it."""
_WIDE = widgets.Layout(width="420px", max_width="100%")
_OLD = "ptmrec-old"
_STYLE = f"<style>.{_OLD} {{opacity: 0.4}} .ptmrec-wide .widget-html-content {{min-width: 0; width: 100%}}</style>"
_STEPS = [digit * 10**power for power in range(3, 12) for digit in (1, 2, 5)]


def show_explorer(config: ConfigParser, images: str = "", preset: str = "fast") -> "Explorer":
    """A panel that asks the recommender of a configuration; it has asked once when it comes.

    Args:
        config: the configuration.
        images: folder of images or NPZ, or ``demo:`` and an image set of the battery; the first demo when empty.
        preset: ``fast``, ``balanced`` or ``best``.

    Raises:
        PtmrecError: the first question cannot be answered.
    """
    battery = read_battery(config.get(PathsConfig).battery)
    return Explorer(partial(ask, config, battery), describe_demos(battery), images, preset)


def describe_demos(battery: Mapping[str, BatterySet]) -> dict[str, str]:
    """Images that can be asked about without any of one's own, each with a few words about it."""
    parts = sorted(battery.values(), key=lambda part: part.name != FIRST_DEMO)
    return {
        DEMO + part.name: f"demo: {part.name.replace('_', ' ')} "
        f"({len(part.class_names)} classes, {len(part.labels)} images)"
        for part in parts
    }


def ask(config: ConfigParser, battery: Mapping[str, BatterySet], images: str, preset: str) -> Recommendation:
    """Rank the models for images: a path of a folder or NPZ, or ``demo:`` and the name of an image set of the battery.

    Raises:
        ConfigError: unknown preset or demo.
        DataError, ArtifactError: see :func:`ptmrec.recommender.request.recommend`.
    """
    source, labels = images.strip(), None
    if not source:
        raise DataError("type the path of a folder of images, or choose a demo")
    if source.startswith(DEMO):
        chosen = battery.get(source.removeprefix(DEMO))
        if chosen is None:
            raise ConfigError(f"demo {source.removeprefix(DEMO)!r}: choose one of {', '.join(battery)}")
        source, labels = chosen.images, [chosen.class_names[label] for label in chosen.labels]
    return recommend(source, labels, preset=preset, config=config)


class Explorer:
    """Widgets around an answer.

    Args:
        ask: answers a question: images, preset.
        demos: images that can be chosen without a path, with a few words about each.
        images: what to ask about first; the first demo when empty.
        preset: preset of the first question.

    Attributes:
        panel: all widgets, to be shown in a notebook.
        found: the answer; frame: all its models, best first, with what each costs.
        images, folder, preset, button: what the next question will be, and the button that asks it.
        count, limit, model: what is shown of the answer: models, most parameters, which model is explained.
    """

    def __init__(
        self,
        ask: Callable[[str, str], Recommendation],
        demos: Mapping[str, str],
        images: str = "",
        preset: str = "fast",
    ) -> None:
        self._ask, self._quiet = ask, False
        found = ask(images or next(iter(demos)), preset)
        own = bool(images) and images not in demos
        choices = [*((words, name) for name, words in demos.items()), ("my own images", FOLDER)]
        first = FOLDER if own else images or next(iter(demos))
        self.images = widgets.Dropdown(options=choices, value=first, description="images", style=_LABEL, layout=_WIDE)
        self.folder = widgets.Text(
            value=images if own else "", placeholder="folder with one sub-folder per class", layout=_WIDE, style=_LABEL
        )
        self.folder.description, self.folder.disabled = "folder", not own
        words = [f"run {count} candidates on the images" if count else "run none" for count in PRESETS.values()]
        self.preset = widgets.ToggleButtons(options=list(PRESETS), value=preset, tooltips=words)
        self.preset.style.button_width = "96px"
        self.button = widgets.Button(description="Recommend", button_style="primary", icon="search")
        self.status = widgets.HTML()
        # Fields of a form, for sliders have no names that a screen reader could say.
        self.count = widgets.BoundedIntText(SHOWN, min=1, max=MOST_SHOWN, description="models", style=_LABEL)
        self.limit = widgets.Dropdown(options=[math.inf], description="parameters ≤", style=_LABEL)
        for short in (self.count, self.limit):
            short.layout = widgets.Layout(width="220px", max_width="100%")
        self.model = widgets.Dropdown(description="explain", style=_LABEL, layout=_WIDE)
        self._title, self._table, self._picture, self._reason, self._remarks = (widgets.HTML() for _ in range(5))
        self._asked = self._question()
        self.panel = self._arrange()
        self._listen()
        self._take(found)

    def _arrange(self) -> widgets.VBox:
        row = widgets.Layout(align_items="center", grid_gap="4px 16px", flex_flow="row wrap")
        self._picture.layout = widgets.Layout(flex="1 1 340px", max_width="520px", min_width="0")
        self._table.layout = widgets.Layout(flex="0 1 auto", max_width="100%", min_width="0")
        self._table.add_class("ptmrec-wide")
        top = widgets.Layout(align_items="flex-start", grid_gap="8px 16px", flex_flow="row wrap", margin="8px 0")
        # A description of its own would stand above the buttons.
        right = widgets.Layout(width=_LABEL_WIDTH, display="flex", justify_content="flex-end", margin="2px 6px 2px 2px")
        preset = widgets.HBox([widgets.Label("preset", layout=right), self.preset])
        shown = [widgets.HBox([self._table, self._picture], layout=top), self.model, self._reason, self._remarks]
        self._answer = widgets.VBox([self._title, *shown])
        rows = [
            widgets.HTML(_STYLE),
            widgets.HBox([self.images, self.folder], layout=row),
            widgets.HBox([preset, self.button, self.status], layout=row),
            widgets.HBox([self.count, self.limit], layout=row),
            self._answer,
        ]
        return widgets.VBox(rows, layout=widgets.Layout(max_width="1180px", padding="4px 0"))

    def _listen(self) -> None:
        self.button.on_click(lambda _: self.ask_again())
        for widget in (self.images, self.folder, self.preset):
            widget.observe(lambda _: self._change_question(), "value")
        for widget in (self.count, self.limit, self.model):
            widget.observe(lambda _: self._refresh(), "value")

    def _change_question(self) -> None:
        self.folder.disabled = self.images.value != FOLDER
        self._say("Press Recommend for an answer to the new question.")

    def _say(self, text: str, failed: bool = False) -> None:
        colour = "var(--jp-error-color1,#c62828)" if failed else "var(--jp-ui-font-color2,#616161)"
        role = "alert" if failed else "status"
        self.status.value = f'<span role="{role}" aria-live="polite" style="color:{colour}">{html_text(text)}</span>'

    def _question(self) -> str:
        """What the widgets ask about, in words."""
        words = {value: label for label, value in self.images.options}
        own = self.folder.value.strip()
        own = Path(own).name or own or "no folder"
        return own if self.images.value == FOLDER else words[self.images.value].removeprefix("demo: ")

    def _name_answer(self, old: str = "") -> None:
        """Say what the answer is about; one that is old is dimmed."""
        (self._answer.add_class if old else self._answer.remove_class)(_OLD)
        warned = warning_html(self.found)
        look = "margin:8px 0 4px;overflow-wrap:anywhere"
        self._title.value = f'<h3 style="{look}">{html_text(old)}Models for {html_text(self._asked)}</h3>{warned}'

    def ask_again(self) -> None:
        """Answer the question of the widgets; an error is shown beside the button."""
        images = self.folder.value.strip() if self.images.value == FOLDER else self.images.value
        passes, asked = PRESETS[self.preset.value], self._question()
        self._name_answer("Still shown: ")
        self._say(f"Looking at the images{f' and running {passes} models on them' if passes else ''} …")
        self.button.disabled = True
        try:
            found = self._ask(images, self.preset.value)
        except PtmrecError as error:
            self._say(f"No answer: {error}", failed=True)
        else:
            self._asked = asked
            self._take(found)
            self._say("")
        finally:
            self.button.disabled = False

    def _take(self, found: Recommendation) -> None:
        """Show another answer; the limit stays where it was as long as it means the same."""
        self.found, self.frame = found, found.leaderboard(all_models=True)
        limits = parameter_limits(self.frame["parameters"])
        kept = self.limit.value if self.limit.value in limits.values() else math.inf
        self._quiet = True
        self.limit.options = list(limits.items())
        self.limit.value = kept
        self.model.options = ()  # a new answer explains its own winner
        self._quiet = False
        self._name_answer()
        self._refresh()

    def _refresh(self) -> None:
        if self._quiet:
            return
        shown, self._quiet = self.table(), True
        names, chosen = shown["model"].tolist(), self.model.value
        self.model.options = names
        self.model.value = chosen if chosen in names else names[0]
        self._quiet = False
        found, about = self.found, f"Models for {self._asked}"
        self._table.value = table_html(readable(shown, found.num_tied), self.model.value, found.trusted, about)
        self._picture.value = image_html(draw(shown, _PLOT_WIDTH))
        self._reason.value = reason_html(found, self.model.value)
        said = [line for line in (*self.remarks(), self._describe_limit()) if line and line not in found.doubts]
        small = "line-height:1.5;color:var(--jp-ui-font-color2,#616161)"
        self._remarks.value = f'<div style="{small}">{" ".join(map(html_text, said))}</div>'

    def _within(self) -> pd.DataFrame:
        kept = self.frame[self.frame["parameters"] <= self.limit.value]
        return kept.assign(rank=np.where(kept["tied_with_best"], 1, np.arange(1, len(kept) + 1)))

    def _describe_limit(self) -> str:
        left = len(self.frame) - len(self._within())
        return f"{count_of(left, 'model')} left out by the number of parameters." if left else ""

    def table(self) -> pd.DataFrame:
        """The rows that are shown, with all columns."""
        return self._within().head(self.count.value)

    def figure(self) -> Figure:
        """The plot of the rows that are shown."""
        return draw(self.table())

    def explanation(self) -> str:
        """Why the chosen model ranks where it does."""
        words = self.found.explain(self.model.value).words(self.found.class_names)
        return " ".join([f"{self.model.value}:", *words])

    def remarks(self) -> list[str]:
        """Remarks beside the table, without the folder of the recommender."""
        found = self.found
        kind = count_of(found.num_classes, "class") if found.num_classes else "unlabelled"
        why = f", the others left out: {found.account.why()}" if found.account.left_out else ""
        used = f"{found.images_used} of {found.images_there} images used ({kind}){why}"
        plan = found.regime.replace("fine_tuning", "fine-tuning").replace("_", " ")
        said = [line for line in remarks(found)[:-1] if line not in found.account.lines(found.images_used)[: bool(why)]]
        lines = [*found.doubts, *said, f"{used}, {count_of(len(found), 'model')} ranked for {plan}"]
        return [line[0].upper() + line[1:].removesuffix(".") + "." for line in lines]


def parameter_limits(parameters: pd.Series) -> dict[str, float]:
    """Limits worth a step of the slider, by their label: each admits other models than the one before.

    The last one admits all.
    """
    ordered, limits, before = sorted(parameters), {}, 0
    for step in _STEPS:
        admitted = sum(count <= step for count in ordered)
        if before < admitted < len(ordered):
            limits[short_count(step, " ")] = step
        before = max(before, admitted)
    return limits | {"any": math.inf}


def image_html(figure: Figure) -> str:
    """A figure in the colours of the page, with an alternative text."""
    return f'<div style="color:var(--jp-ui-font-color1,inherit)">{vector(figure, ALT)}</div>'
