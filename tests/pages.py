"""What tests do with a page in Chromium: show it at a size, wait for it, ask axe-core about it."""

from importlib.resources import files

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.support.ui import WebDriverWait


def show(browser, address: str, width: int = 1000, height: int = 900, scheme: str = "light") -> None:
    """Open `address` in a window of `width` by `height` pixels (a phone's below 600), in a light or dark scheme."""
    emulated = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": emulated})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)


def until(browser, holds: str, patience: float = 60):
    """Wait until a page has loaded and `holds`, an expression of JavaScript, is true there; returns its value.

    Everything is asked in one go, for a page may make way for another at any moment; the driver has many names for
    an element of the page that went, and some of them are no `StaleElementReferenceException`.
    """
    wait = WebDriverWait(browser, patience, ignored_exceptions=[WebDriverException])
    script = f"return document.readyState === 'complete' && ({holds})"
    return wait.until(lambda _: browser.execute_script(script), f"In {patience} seconds it has not happened: {holds}")


def barriers(browser) -> list[tuple[str, list[str]]]:
    """What axe-core finds on the page, folded parts as well: each rule and the elements that break it."""
    browser.set_script_timeout(180)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.execute_script(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]


def fits(browser) -> bool:
    """Whether nothing makes the page wider than its window (whose `innerWidth` on a phone grows with what is in it)."""
    return browser.execute_script("return (page => page.scrollWidth <= page.clientWidth)(document.documentElement)")
