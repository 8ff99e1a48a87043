"""Markup and scripts in what is printed and raised."""

PAGE = """</pre></code></script><script>document.title = 'owned'</script><img src=x onerror=alert(1)>
<svg/onload=alert(1)><style>*{display:none}</style><base href=//example.org><meta http-equiv=refresh content=0>
"><a href="javascript:alert(1)">' onmouseover='alert(1) &lt;b&gt; &#60;b&#62; <!-- ]]> {{ 7 * 7 }} {% raw %} ${7*7}"""


def prune(model):
    print(PAGE)
    raise ValueError(PAGE)
