"""Notebook 00 in JupyterLab, driven in a browser as a person would: `make test-browser`.

`make test` leaves it out: it needs Chromium and its driver from the system's packages.
"""

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

import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "figures" / "readme_jupyterlab.png"
WIDTH, HEIGHT = 1280, 720
STARTED, ANSWERED, SOON = 60, 180, 20
"""Seconds after which a wait is given up: for the server and the page, for the recommender, for a widget."""
CELLS = ".jp-NotebookPanel .jp-Cell"


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
    shutil.copy(ROOT / "notebooks" / "00_recommend.ipynb", notebooks)
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


def run_all_cells(driver) -> None:
    """Run > Run All Cells, and every cell through."""
    # Earlier, JupyterLab asks which kernel it shall be.
    wait(driver, STARTED, "an idle kernel", lambda: first(driver, "#jp-main-statusbar", "| Idle"))
    click(driver, ".lm-MenuBar-item", "Run")
    click(driver, ".lm-Menu-item", "Run All Cells")
    wait(driver, ANSWERED, "the panel's table", lambda: first(driver, f"{CELLS} table tbody tr"))
    done = lambda: "[*]" not in driver.find_element(By.CSS_SELECTOR, ".jp-NotebookPanel").text  # noqa: E731
    wait(driver, SOON, "the last cell", lambda: done() and len(driver.find_elements(By.CSS_SELECTOR, CELLS)) > 8)


def shown_models(driver) -> list[str]:
    """Names in the second column of the panel's table, read at once: a redrawn table's rows are gone in between."""
    cells = f"{CELLS} .widget-html tbody td:nth-child(2)"
    return driver.execute_script("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", cells)


def press(driver, label: str, key: str) -> None:
    """A key on the handle of the slider with a label."""
    slider = wait(driver, SOON, f"slider {label}", lambda: first(driver, f"{CELLS} .widget-hslider", label))
    slider.find_element(By.CSS_SELECTOR, ".noUi-handle").send_keys(key)


def take_picture(driver, path: Path) -> None:
    """The panel below JupyterLab's bars, in few enough colours for a small file."""
    panel = first(driver, f"{CELLS} .widget-vbox")
    driver.execute_script("arguments[0].closest('.jp-Cell').scrollIntoView({block: 'start'})", panel)
    driver.execute_script("document.activeElement.blur()")
    time.sleep(1)  # the scroll and the last drawing have no event to wait for
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
        yield driver


def test_a_person_asks_moves_sliders_and_sees_another_table(lab):
    errors = lab.find_elements(By.CSS_SELECTOR, f"{CELLS} [data-mime-type='application/vnd.jupyter.error']")
    assert not errors, errors[0].text
    before = shown_models(lab)
    assert len(before) == 5
    press(lab, "models", Keys.ARROW_RIGHT)
    wait(lab, SOON, "a sixth model", lambda: len(shown_models(lab)) == 6)
    assert shown_models(lab)[:5] == before
    press(lab, "parameters", Keys.ARROW_LEFT)
    wait(lab, SOON, "other models", lambda: before[0] not in shown_models(lab))
    take_picture(lab, PICTURE)
    with Image.open(PICTURE) as picture:
        assert picture.size == (WIDTH, HEIGHT)
    assert PICTURE.stat().st_size < 300_000
    click(lab, ".widget-toggle-button", "balanced")
    wait(lab, SOON, "a word about the button", lambda: first(lab, ".widget-html", "Press Recommend"))
    click(lab, "button.mod-primary", "Recommend")
    wait(lab, ANSWERED, "the column of models that were run", lambda: first(lab, f"{CELLS} .widget-html th", "run"))
    press(lab, "parameters", Keys.END)
    wait(lab, SOON, "all models again", lambda: first(lab, f"{CELLS} .widget-html td", "yes"))
