"""Notebook 00 in JupyterLab, driven in a browser as a person would: `make test-browser`.

It needs Chromium and its driver from the system's packages; where they are, `make test` takes the short walk.
"""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from ptmrec import recommend
from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 1280, 720
STARTED, ANSWERED, SOON = 60, 180, 20
"""Seconds after which a wait is given up: for the server and the page, for the recommender, for a widget."""
CELLS = ".jp-NotebookPanel .jp-Cell"
INK = "return getComputedStyle(document.querySelector(arguments[0])).color"


def find_program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"none of {', '.join(names)} is installed; Debian's packages are chromium and chromium-driver"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_settings(folder: Path) -> dict[str, str]:
    """An environment in which JupyterLab neither reads nor writes anybody's settings, nor asks at its start."""
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    places |= {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    page = folder / "config" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    page.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    changed = {name: str(folder / place) for name, place in places.items()}
    return os.environ | changed | {"PTMREC_CONFIG": str(ROOT / "config.ini")}


def wait_for_server(server: subprocess.Popen, url: str) -> None:
    end = time.monotonic() + STARTED
    while time.monotonic() < end:
        assert server.poll() is None, "JupyterLab ended before it answered"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab does not answer after {STARTED} s")


@contextmanager
def jupyterlab(folder: Path):
    """A server on a copy of the notebook, whose saving leaves the repository alone; its log is shown after a failure.

    Yields:
        the address of the notebook.
    """
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    own = json.dumps({"paths.artifacts": str(folder / "artifacts")})  # those of the clone may be damaged
    text = (ROOT / "notebooks" / "00_recommend.ipynb").read_text(encoding="utf-8")
    text = text.replace("overrides = {}", f"overrides = {json.dumps(own)[1:-1]}")
    (notebooks / "00_recommend.ipynb").write_text(text, encoding="utf-8")
    port, token = free_port(), secrets.token_hex(16)
    options = {"ip": "127.0.0.1", "port": port, "port_retries": 0, "open_browser": False, "root_dir": notebooks}
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    log = folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=notebooks, env=own_settings(folder), stdout=out, stderr=out)
    try:
        wait_for_server(server, f"http://127.0.0.1:{port}/api/status?token={token}")
        yield f"http://127.0.0.1:{port}/lab/tree/00_recommend.ipynb?token={token}"
    except BaseException:
        sys.stderr.write(f"\n--- JupyterLab's log ---\n{log.read_text()[-6000:].replace(token, '<token>')}\n")
        raise
    finally:
        server.terminate()
        try:
            server.wait(SOON)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(SOON)


@contextmanager
def chromium(folder: Path):
    options = webdriver.ChromeOptions()
    options.binary_location = find_program("chromium", "chromium-browser", "google-chrome")
    words = ["--headless=new", f"--window-size={WIDTH},{HEIGHT}", "--force-device-scale-factor=1", "--disable-gpu"]
    words += ["--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}", "--lang=en"]
    words += ["--no-sandbox"] if os.getuid() == 0 else []
    for word in words:
        options.add_argument(word)
    driver = webdriver.Chrome(options, webdriver.ChromeService(find_program("chromedriver")))
    try:
        driver.set_page_load_timeout(STARTED)
        # The window's frame is part of its size; the picture is to be as wide as it says.
        metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    except BaseException:
        driver.save_screenshot(str(folder / "failed.png"))
        raise
    finally:
        driver.quit()


def wait(driver, seconds: float, what: str, condition):
    waiting = WebDriverWait(driver, seconds, 0.2, [StaleElementReferenceException])
    return waiting.until(lambda _: condition(), f"{what}: not after {seconds} s")


def first(driver, selector: str, text: str = ""):
    """The first visible element of a kind that holds a text, or None."""
    found = driver.find_elements(By.CSS_SELECTOR, selector)
    return next((one for one in found if one.is_displayed() and text in one.text), None)


def click(driver, selector: str, text: str = "") -> None:
    wait(driver, SOON, f"{text or selector} to click", lambda: first(driver, selector, text)).click()


def has_table(driver) -> bool:
    return first(driver, f"{CELLS} table tbody tr") is not None


def run_all_cells(driver) -> None:
    """Run > Run All Cells, and every cell through."""
    # Earlier, JupyterLab asks which kernel it shall be.
    wait(driver, STARTED, "an idle kernel", lambda: first(driver, "#jp-main-statusbar", "| Idle"))
    for last in (False, False, True):  # a kernel that has just been connected may let what it was sent fall
        click(driver, ".lm-MenuBar-item", "Run")
        click(driver, ".lm-Menu-item", "Run All Cells")
        try:
            wait(driver, SOON, "a cell that runs", lambda: first(driver, ".jp-InputPrompt", "[*]") or has_table(driver))
            break
        except TimeoutException:
            if last:
                raise
    wait(driver, ANSWERED, "the panel's table", lambda: has_table(driver))
    done = lambda: "[*]" not in driver.find_element(By.CSS_SELECTOR, ".jp-NotebookPanel").text  # noqa: E731
    wait(driver, SOON, "the last cell", lambda: done() and len(driver.find_elements(By.CSS_SELECTOR, CELLS)) > 8)


def shown_models(driver) -> list[str]:
    """Names in the second column of the panel's table, read at once: a redrawn table's rows are gone in between."""
    cells = f"{CELLS} .widget-html tbody td:nth-child(2)"
    return driver.execute_script("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", cells)


def field(driver, label: str, kind: str = "input"):
    """A field of the panel, found as a screen reader names it."""
    found = f"//label[starts-with(normalize-space(.), '{label}')]/..//{kind}"
    return wait(driver, SOON, f"field {label}", lambda: driver.find_elements(By.XPATH, found))[0]


def ask(driver, images: str, folder: str = "") -> None:
    Select(field(driver, "images", "select")).select_by_visible_text(images)
    if folder:
        box = field(driver, "folder")
        wait(driver, SOON, "a folder to type", box.is_enabled)
        box.send_keys(Keys.CONTROL, "a", Keys.NULL, folder)
        wait(driver, SOON, "a word about the button", lambda: first(driver, ".widget-html", "Press Recommend"))
    click(driver, "button.mod-primary", "Recommend")


def title(driver) -> str:
    return driver.find_element(By.CSS_SELECTOR, f"{CELLS} .widget-html h3").text


def dimmed(driver) -> bool:
    return bool(driver.find_elements(By.CSS_SELECTOR, f"{CELLS} .ptmrec-old"))


def marked(driver) -> str:
    name = driver.find_element(By.CSS_SELECTOR, f"{CELLS} .widget-html tr[aria-current] td:nth-child(2)")
    return name.get_property("textContent")


def resize(driver, width: int) -> None:
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def show_panel(driver) -> None:
    """Scroll to the panel: JupyterLab renders nothing of a cell out of sight."""
    panel = driver.find_element(By.CSS_SELECTOR, f"{CELLS} .widget-vbox")
    driver.execute_script("arguments[0].closest('.jp-Cell').scrollIntoView({block: 'start'})", panel)
    driver.execute_script("document.activeElement.blur()")
    time.sleep(1)  # the scroll and the last drawing have no event to wait for


def take_picture(driver, path: Path) -> None:
    """The panel below JupyterLab's bars, in few enough colours for a small file."""
    show_panel(driver)
    picture = Image.open(BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    path.parent.mkdir(exist_ok=True)
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


@pytest.fixture
def lab(tmp_path):
    """A browser with the notebook open, all cells run."""
    with jupyterlab(tmp_path) as address, chromium(tmp_path) as driver:
        driver.get(address)
        wait(driver, STARTED, "the notebook", lambda: first(driver, CELLS))
        click(driver, ".jp-SideBar.jp-mod-left .lm-TabBar-tab.lm-mod-current")  # closes the list of files
        run_all_cells(driver)
        show_panel(driver)
        yield driver


def test_a_person_asks_changes_fields_and_sees_another_table(lab, tmp_path):
    path = ROOT / os.environ.get("PICTURE", tmp_path / "panel.png")
    errors = lab.find_elements(By.CSS_SELECTOR, f"{CELLS} [data-mime-type='application/vnd.jupyter.error']")
    assert not errors, errors[0].text
    before = shown_models(lab)
    assert len(before) == 5
    field(lab, "models").send_keys(Keys.ARROW_UP)
    wait(lab, SOON, "a sixth model", lambda: len(shown_models(lab)) == 6)
    assert shown_models(lab)[:5] == before
    limits = Select(field(lab, "parameters", "select"))
    limits.select_by_index(len(limits.options) - 2)
    wait(lab, SOON, "other models", lambda: before[0] not in shown_models(lab))
    take_picture(lab, path)
    with Image.open(path) as picture:
        assert picture.size == (WIDTH, HEIGHT)
    assert path.stat().st_size < 300_000
    click(lab, ".widget-toggle-button", "balanced")
    wait(lab, SOON, "a word about the button", lambda: first(lab, ".widget-html", "Press Recommend"))
    click(lab, "button.mod-primary", "Recommend")
    wait(lab, ANSWERED, "the column of models that were run", lambda: first(lab, f"{CELLS} .widget-html th", "run"))
    Select(field(lab, "parameters", "select")).select_by_visible_text("any")
    wait(lab, SOON, "all models again", lambda: first(lab, f"{CELLS} .widget-html td", "yes"))


@pytest.mark.slow
def test_two_questions_an_error_untrusted_images_and_a_narrow_window(lab, tmp_path):
    assert title(lab).startswith("Models for euro coins") and marked(lab) == shown_models(lab)[0]
    Select(field(lab, "explain", "select")).select_by_index(3)
    wait(lab, SOON, "another model explained", lambda: marked(lab) == shown_models(lab)[3])
    ask(lab, "demo: mnist (10 classes, 200 images)")
    wait(lab, ANSWERED, "the second answer", lambda: title(lab).startswith("Models for mnist"))
    wait(lab, SOON, "its winner", lambda: marked(lab) == shown_models(lab)[0] and not dimmed(lab))
    wait(lab, SOON, "why", lambda: first(lab, f"{CELLS} .widget-html strong", f"Why {marked(lab)}"))
    ask(lab, "my own images", str(tmp_path / "nowhere"))
    wait(lab, ANSWERED, "an error", lambda: first(lab, f"{CELLS} [role=alert]", "nowhere"))
    assert dimmed(lab) and title(lab).startswith("Still shown: Models for mnist")
    take_picture(lab, tmp_path / "error.png")
    noise = np.random.default_rng(0)
    for place in range(40):
        path = tmp_path / "noise" / "ab"[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    show_panel(lab)
    ask(lab, "my own images", str(tmp_path / "noise"))
    wait(lab, ANSWERED, "a warning", lambda: first(lab, f"{CELLS} [role=note]", "Do not rely on this answer"))
    row = first(lab, f"{CELLS} tr[aria-current]")
    assert not dimmed(lab) and int(row.value_of_css_property("font-weight")) < 600
    for width in (1150, 800):
        resize(lab, width)
        take_picture(lab, tmp_path / f"{width}.png")
        inside = "const t = document.querySelector(arguments[0]); return t.getBoundingClientRect().right"
        page = lab.execute_script(inside, f"{CELLS} .jp-OutputArea-output")
        assert lab.execute_script(inside, f"{CELLS} .widget-html div[tabindex]") <= page + 1, "the table is not cut"


@pytest.mark.slow
def test_a_screen_reader_has_a_name_for_each_control_and_dark_is_dark(lab, tmp_path):
    tree = lab.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored")
    ]
    names = [name for role, name in controls if role in ("combobox", "spinbutton", "textbox")]
    assert {"images", "folder", "models", "parameters ≤", "explain"} <= {name.strip() for name in names}
    buttons = [name for role, name in controls if "button" in role.lower()]
    for wanted in ("fast", "balanced", "best", "Recommend"):
        assert [name for name in buttons if wanted in name], (wanted, buttons)
    light = lab.execute_script(INK, f"{CELLS} .widget-html svg")
    lab.execute_script("document.body.style.setProperty('--jp-ui-font-color1', 'rgb(250, 250, 250)')")
    assert lab.execute_script(INK, f"{CELLS} .widget-html svg") == "rgb(250, 250, 250)" != light


def test_the_page_of_an_answer_opens_and_prints(tmp_path):
    battery = read_battery(ConfigParser().get(PathsConfig).battery)["euro_coins"]
    labels = [f"<b>{battery.class_names[label]}" for label in battery.labels]
    path = recommend(battery.images, labels, preset="fast").save(tmp_path / "answer.html")
    with chromium(tmp_path) as driver:
        driver.get(path.as_uri())
        assert driver.title == driver.find_element(By.TAG_NAME, "h1").text == "Models for 160 images"
        assert not driver.find_elements(By.TAG_NAME, "b"), "names of classes are text"
        pictures = driver.find_elements(By.CSS_SELECTOR, "img")
        assert len(pictures) > 12 and all(one.get_property("naturalWidth") for one in pictures)
        assert len(driver.find_elements(By.CSS_SELECTOR, "figure svg")) == 2
        wide = "return document.documentElement.scrollWidth <= window.innerWidth"
        assert driver.execute_script(wide)
        resize(driver, 600)
        assert driver.execute_script(wide)
        printed = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
        (tmp_path / "answer.pdf").write_bytes(base64.b64decode(printed))
        assert 0 < len(base64.b64decode(printed)) < 3e6
