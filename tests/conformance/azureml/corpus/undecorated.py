"""Scripts whose `run()` has no decorator: what it gets, what becomes of what it returns, routes, ids."""

from __future__ import annotations

from tests.conformance.azureml.script import JSON_TYPE, Script, get, post
from tests.support.http_client import request_bytes

_ECHO = """
print("importing")

def init():
    print("initialising")

def run(data):
    return data
"""

_EVALUATE = """
import json
import numpy as np
from azureml_inference_server_http.api.aml_response import AMLResponse
from werkzeug.wrappers import Response

def init():
    pass

def pieces(*many):
    yield from many

def run(data):
    return eval(data)
"""

_HEADERS = """
def init():
    pass

def run(data, request_headers, optional=5):
    return [data, optional, request_headers]
"""

_LONG = "x" * 100

SCRIPTS = (
    Script(
        "echo",
        _ECHO,
        requests={
            "a body": post("body"),
            "no body": post(),
            "no length": request_bytes("POST", "/score"),
            "text": post("grün", "Content-Type: text/plain; charset=utf-8"),
            "JSON": post('{"a": [1, 2]}', JSON_TYPE),
            "bytes": post(b"\xff\xfe", "Content-Type: application/octet-stream"),
            "a form": post("a=b&c=d", "Content-Type: application/x-www-form-urlencoded"),
            "a form of parts": post(b"--X\r\n\r\n--X--\r\n", "Content-Type: multipart/form-data; boundary=X"),
            "chunks": request_bytes(
                "POST", "/score", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", headers=["Transfer-Encoding: chunked"]
            ),
            "100 kB": post("x" * 100_000),
            "a query": get("a=1&b=[1,2]&c=a&d=null"),
            "a query with a parameter twice": get("foo=bar1&foo=bar2&x=y"),
            "a query of empty values": get("a=&b&=c&&d=1"),
            "a query with escapes": get("a=%22b%22&s=1+2&t=%C3%BC"),
            "a query that is no UTF-8": get("a=%ff"),
            "a query with semicolons": get("a=1;b=2"),
            "a query of numbers": get("a=1.0&b=1e5&c=-0&d=NaN&e=01&f=%20%31"),
            "no query": get(),
            "a question mark": request_bytes("GET", "/score?"),
            "POST with a query": request_bytes("POST", "/score?a=1", b"body"),
            "OPTIONS": request_bytes("OPTIONS", "/score"),
            "HEAD": request_bytes("HEAD", "/score"),
            "PUT": request_bytes("PUT", "/score", b"body"),
            "DELETE": request_bytes("DELETE", "/score"),
            "PATCH": request_bytes("PATCH", "/score", b"body"),
            "health": get(path="/"),
            "health with a query": get("a=1", path="/"),
            "HEAD of health": request_bytes("HEAD", "/"),
            "OPTIONS of health": request_bytes("OPTIONS", "/"),
            "POST to health": request_bytes("POST", "/", b"body"),
            "an unknown path": get(path="/nothing"),
            "POST to an unknown path": request_bytes("POST", "/v2/models/x/infer", b"{}"),
            "a slash behind": get(path="/score/"),
            "another case": get(path="/Score"),
            "two slashes": get(path="//score"),
            "an escaped path": get(path="/sc%6Fre"),
            "a dot in the path": get(path="/./score"),
            "POST of swagger": request_bytes("POST", "/swagger.json", b""),
            "HEAD of swagger": request_bytes("HEAD", "/swagger.json"),
            "OPTIONS of swagger": request_bytes("OPTIONS", "/swagger.json"),
            "swagger 4": get("version=4", path="/swagger.json"),
            "swagger of no version": get("version=", path="/swagger.json"),
            "swagger <2>": get("version=%3C2%3E", path="/swagger.json"),
            "a request id": post("x", "x-request-id: one"),
            "a client request id": post("x", "x-ms-client-request-id: two"),
            "the old request id": post("x", "x-ms-request-id: three"),
            "all ids": post("x", "x-request-id: one", "x-ms-client-request-id: two", "X-MS-Request-ID: three"),
            "an id of 100 characters": post("x", f"x-request-id: {_LONG}", f"x-ms-client-request-id: {_LONG}"),
            "an id of 101 characters": post("x", f"x-request-id: {_LONG}y"),
            "a client id of 101 characters": post("x", f"x-ms-client-request-id: {_LONG}y"),
            "an old id of 101 characters": post("x", f"x-ms-request-id: {_LONG}y", "x-request-id: one"),
            "a client id of 101 characters elsewhere": get("", f"x-ms-client-request-id: {_LONG}y", path="/"),
            "an empty id": post("x", "x-request-id:"),
            "an id on an unknown path": get("", "x-request-id: one", path="/nothing"),
            "a trace id": post("x", "TraceId: trace"),
            "a trace id of health": get("", "traceid: trace", path="/"),
            "an origin without CORS": post("x", "Origin: http://example.com"),
        },
    ),
    Script(
        "results",
        _EVALUATE,
        requests={
            "None": post("None"),
            "text": post("'text'"),
            "JSON in text": post("json.dumps({'a': 1})"),
            "an object": post("{'a': [1, 2.5, True, None], 'ü': '\\u20ac'}"),
            "keys that are no text": post("{1: 2, None: 3, True: 4, 1.5: 5}"),
            "a number": post("0.1"),
            "a long integer": post("10 ** 30"),
            "NaN": post("[float('nan'), float('inf')]"),
            "a tuple": post("(1, (2,))"),
            "no bytes": post("b'bytes'"),
            "a set": post("{1}"),
            "an array": post("np.zeros(2)"),
            "a numpy scalar": post("np.float64(0.5)"),
            "a generator": post("pieces(1, 2)"),
            "an exception": post("1 / 0"),
            "a TimeoutError": post("(_ for _ in ()).throw(TimeoutError('mine'))"),
            "a body of the wrong form": post("json.loads('{')"),
            "a response of text": post("AMLResponse('text', 200)"),
            "a response of bytes": post("AMLResponse(b'\\xff\\x00', 201)"),
            "a response of nothing": post("AMLResponse(None, 202)"),
            "an empty response": post("AMLResponse('', 200)"),
            "a response of JSON": post("AMLResponse({'a': 1}, 400, json_str=True)"),
            "a response with headers": post("AMLResponse('x', 200, {'X-One': 'a', 'X-Many': 'b, c ,d'})"),
            "a response of a type": post("AMLResponse(b'x', 200, {'Content-Type': 'image/png'})"),
            "a response of two types": post("AMLResponse(b'x', 200, {'content-type': 'image/png'})"),
            "a response of JSON of a type": post("AMLResponse({}, 200, {'Content-Type': 'text/x'}, json_str=True)"),
            "a response that failed": post("AMLResponse('x', 400, run_function_failed=True)"),
            "a response 500": post("AMLResponse('x', 500)"),
            "a response 503": post("AMLResponse('x', 503, {'Retry-After': '5'})"),
            "a response 204": post("AMLResponse('', 204)"),
            "a response 204 with a body": post("AMLResponse('x', 204)"),
            "a response 304": post("AMLResponse('', 304)"),
            "a response 418": post("AMLResponse('teapot', 418)"),
            "a response in pieces": post("AMLResponse([b'a', 'b'], 200)"),
            "a response of an object": post("AMLResponse({'a': 1}, 200)"),
            "a response of numbers": post("AMLResponse([1, 2], 200)"),
            "a response of a number": post("AMLResponse(5, 200)"),
            "a stream": post("AMLResponse(pieces('a', b'b', 'ü'), 200)"),
            "a stream of events": post(
                "AMLResponse(pieces('data: 1\\n\\n'), 200, {'Content-Type': 'text/event-stream'})"
            ),
            "a stream of nothing": post("AMLResponse(pieces(), 200)"),
            "a stream with status 500": post("AMLResponse(pieces('a'), 500)"),
            "a response with an id": post("AMLResponse('x', 200, {'x-request-id': 'mine'})", "x-request-id: yours"),
            "a response with a time": post("AMLResponse('x', 200, {'x-ms-run-fn-exec-ms': 'mine'})"),
            "a response with a cookie": post("AMLResponse('x', 200, {'Set-Cookie': 'a=b'})"),
            "a response with a line break in a header": post("AMLResponse('x', 200, {'X-A': 'a\\r\\nX-B: b'})"),
            "a response to elsewhere": post("AMLResponse('', 302, {'Location': '/elsewhere'})"),
            "werkzeug's response": post("Response('x', 200, {'X-A': 'a,b'}, mimetype='text/x')"),
            "werkzeug's response 500": post("Response('x', 500)"),
        },
    ),
    Script(
        "headers",
        _HEADERS,
        requests={
            "some": post("x", "X-Custom: a", "x-lower-case: b", "ACCEPT: */*"),
            "one twice": post("x", "X-Many: a", "X-Many: b", "x-many: c"),
            "with an underscore": post("x", "X_Under: a"),
            "of a GET": get("a=1", "Authorization: Bearer x"),
            "that are empty": post("x", "X-Empty:"),
            "with a type": post("x", "Content-Type: text/plain"),
            "beyond ASCII": request_bytes("POST", "/score", b"x", headers=["X-Latin: gr\xfcn"]),
        },
    ),
)
