"""What the tests of the cluster page share: a hub, a browser, and the page open in it."""
import functools
import pathlib
import shutil
import sys
import tempfile

import pytest

DIRECTORY = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(DIRECTORY), str(DIRECTORY.parent / "integration")]

from cluster_page import Cluster, Page

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")


@pytest.fixture
def hub():
    """A hub of the test's own."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def browser():
    """One browser for all."""
    webdriver = pytest.importorskip("selenium.webdriver",
                                    reason="python3-selenium is not installed")
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium or chromedriver is not installed")
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                         "--no-first-run", "--disable-background-networking",
                         "--disable-component-update", "--disable-sync",
                         "--disable-dev-shm-usage", "--ignore-certificate-errors",
                         f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        driver.set_page_load_timeout(30)
        yield driver
        driver.quit()


@pytest.fixture
def open_page_of(browser):
    """Opens the page of a hub; afterwards the browser must have logged nothing."""
    pages = []

    def opened(hub, path="/clusters/demo", **size):
        pages.append(Page(browser, hub, path, **size))
        return pages[-1]

    yield opened
    browser.execute_script("localStorage.clear()")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    for page in pages:
        assert page.complaints() == []


@pytest.fixture
def open_page(open_page_of, hub):
    """Opens the page of the test's own hub."""
    return functools.partial(open_page_of, hub)
