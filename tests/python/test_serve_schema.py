"""Schemathesis makes requests of /openapi.json by itself: no answer may be a 5xx, none may be undeclared."""
import importlib.util
import os
import subprocess
import sys

import pytest
from cli_support import ROOT, pytestmark  # noqa: F401
from serve_support import TINY, serving

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method"


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed (scripts/requirements/test.txt)")
def test_an_independent_tester_finds_nothing(sclip, tmp_path):
    examples = os.environ.get("SCLIP_SCHEMA_EXAMPLES", "12")
    with serving("-q", model=TINY) as service:
        done = subprocess.run([sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--checks", CHECKS, "--max-examples", examples,
                               "--seed", "1", "--phases", "examples,coverage,fuzzing", "--request-timeout", "60", "--no-color",
                               "--suppress-health-check", "all"],
                              capture_output=True, text=True, cwd=tmp_path, timeout=3000,
                              env=os.environ | {"SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": str(ROOT / "tests/python")})
        assert service.process.poll() is None and service.ask("GET", "/readyz").status == 200
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        answered = service.metrics()  # it also came to where photos are computed
        for route, status in (("/v1/segment", 200), ("/v1/features", 201), ("/v1/classify", 200), ("/v1/embed", 200), ("/v1/banks", 201), ("/v2/models/sclip/infer", 200)):
            assert answered[f'sclip_requests_total{{route="{route}",status="{status}"}}'] > 0, route
