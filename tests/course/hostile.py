"""Written answers that try to be more than text on a page."""

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "# Huge\n\n[here](javascript:document.title='owned') ![picture](http://127.0.0.1:9/x.png)",
    "| a | |\n|-|-|\n| 1 | 2 |",
    "$\\text{<script>document.title='owned'</script>}$ $\\text{<b id='injected'>b</b>}$",
    "</div></article><form action='http://127.0.0.1:9/'><input name=points></form>",
    "$" + "{" * 900 + "x" + "}" * 900 + "$ and " + "long" * 900,
    "\u202ereversed\u0000",
)
