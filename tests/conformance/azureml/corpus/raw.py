"""Scripts that take the HTTP request itself."""

from __future__ import annotations

from urllib.parse import quote

from tests.conformance.azureml.script import JSON_TYPE, Script
from tests.support.http_client import request_bytes

_EVALUATE = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    return eval(request.args.get('do', 'request.method'))
"""

_HEADERS = """
from azureml_inference_server_http.api.aml_request import rawhttp

def init():
    pass

@rawhttp
def run(request_headers, request):
    return [request.method, request_headers['X-A']]
"""

_FORM = (
    b'--X\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
    b'--X\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--X--\r\n"
)
_SHORT_FORM_TYPE = "Content-Type: application/x-www-form-urlencoded"
_FORM_TYPE = "Content-Type: multipart/form-data; boundary=X"


def _do(expression: str, method: str = "POST", body: bytes = b"", *headers: str) -> bytes:
    return request_bytes(method, f"/score?do={quote(expression)}", body, headers=headers)


SCRIPTS = (
    Script(
        "raw",
        _EVALUATE,
        requests={
            "POST": request_bytes("POST", "/score", b"body"),
            "GET": request_bytes("GET", "/score"),
            "OPTIONS": request_bytes("OPTIONS", "/score"),
            "HEAD": request_bytes("HEAD", "/score"),
            "PUT": request_bytes("PUT", "/score", b"body"),
            "the path": _do("[request.path, request.full_path, request.query_string.decode()]", "GET"),
            "parameters": request_bytes("GET", "/score?do=request.args.to_dict(flat=False)&a=1&a=2&b=%C3%BC"),
            "data": _do("request.get_data().decode()", "POST", b"body"),
            "data without a cache": _do("[request.get_data(False).decode(), request.data.decode()]", "POST", b"body"),
            "data twice": _do("[request.get_data().decode(), request.data.decode()]", "POST", b"body"),
            "data of chunks": request_bytes(
                "POST", "/score?do=len(request.data)", b"3\r\nabc\r\n0\r\n\r\n", headers=["Transfer-Encoding: chunked"]
            ),
            "bytes": _do("AMLResponse(request.get_data(False)[::-1], 200)", "POST", b"\x00\xff"),
            "JSON": _do("request.json", "POST", b'{"a": 1}', JSON_TYPE),
            "JSON of another type": _do("request.json", "POST", b'{"a": 1}', "Content-Type: text/plain"),
            "JSON that is none": _do("request.get_json()", "POST", b"{", JSON_TYPE),
            "JSON that is none, silently": _do("request.get_json(silent=True)", "POST", b"{", JSON_TYPE),
            "a form": _do("request.form.to_dict()", "POST", b"a=1&b=2", _SHORT_FORM_TYPE),
            "a form of parts": _do("request.form['field']", "POST", _FORM, _FORM_TYPE),
            "a file": _do(
                "[(f.filename, f.mimetype, len(f.read())) for f in request.files.values()]",
                "POST",
                _FORM,
                _FORM_TYPE,
            ),
            "a file that is not there": _do("request.files['other']", "POST", _FORM, _FORM_TYPE),
            "headers": _do("[request.headers['x-a'], request.headers.get('X-B')]", "POST", b"", "X-A: 1"),
            "the type": _do("[request.content_type, request.mimetype, request.is_json]", "POST", b"x", JSON_TYPE),
            "the length": _do("request.content_length", "POST", b"12345"),
            "cookies": _do("request.cookies.to_dict()", "GET", b"", "Cookie: a=b; c=d"),
            "the host": _do("[request.host, request.host_url, request.scheme]", "GET"),
            "the client": _do("request.remote_addr", "GET"),
            "the class": _do("[isinstance(request, AMLRequest), type(request).__name__]", "GET"),
            "authorization": _do(
                "[request.authorization.type, request.authorization.token]", "GET", b"", "Authorization: Bearer x"
            ),
            "an exception": _do("1 / 0"),
            "a response": _do("AMLResponse('made', 201)"),
            "a stream": _do("AMLResponse((str(i) for i in range(3)), 200)"),
            "a response to OPTIONS": _do("AMLResponse('', 204, {'Access-Control-Allow-Origin': '*'})", "OPTIONS"),
        },
    ),
    Script(
        "raw with headers",
        _HEADERS,
        requests={"POST": request_bytes("POST", "/score", b"body", headers=["X-A: a"])},
    ),
)
