"""What people deploy `sclip serve` with: the image's recipe, the unit and the manifests have no fault that a linter or the command
knows of, and a copy with a fault has one."""
import fnmatch
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import ROOT, SCLIP, pytestmark  # noqa: F401
from serve_support import serving

DOCKERFILE = (ROOT / "packaging/container/Dockerfile").read_text()
UNIT = (ROOT / "packaging/systemd/sclip.service").read_text()
MANIFESTS = {name: (ROOT / f"packaging/kubernetes/{name}.yaml").read_text() for name in ("sclip", "autoscaling")}
KUBERNETES = "1.33"
HADOLINT = Path(sys.executable).with_name("hadolint")


def needs(there, what):
    return pytest.mark.skipif(not there, reason=f"{what} is not installed (scripts/requirements/test.txt, scripts/setup.sh --test)")


needs_hadolint = needs(HADOLINT.exists(), "hadolint")
needs_systemd = needs(shutil.which("systemd-analyze"), "systemd-analyze")
needs_validate = needs(importlib.util.find_spec("kubernetes_validate") and importlib.util.find_spec("yamllint"), "kubernetes-validate or yamllint")


@pytest.fixture(scope="module")
def known(sclip):
    """The options that `sclip serve --help` names."""
    told = subprocess.run([str(sclip), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    found = set(re.findall(r"^  (?:-\w, *)?(--[\w-]+)", told, re.M))
    assert {"--bind", "--port", "--drain-delay-ms", "--model"} <= found
    return found


def unknown_options(arguments, known):
    return [f"sclip serve has no {a}" for a in arguments if a.startswith("-") and a.split("=")[0] not in known]


def seconds(arguments, name, without):
    """The value of an option of the command, in seconds."""
    joined = " ".join(arguments).replace("=", " ").split()
    value = float(joined[joined.index(name) + 1]) if name in joined else without
    return value / 1000 if name.endswith("-ms") else value


def longest_end(arguments):
    """From SIGTERM to the last answer: the drain's delay, the deadline of a request that came then, and its answer."""
    return seconds(arguments, "--drain-delay-ms", 0) + seconds(arguments, "--deadline-ms", 30000) + seconds(arguments, "--client-timeout", 20)


# The image.

def instructions(text):
    """(stage, instruction, rest) of each, lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    stage, out = 0, []
    for line in joined.splitlines():
        name, _, rest = line.strip().partition(" ")
        stage += name == "FROM"
        if name:
            out.append((stage, name, rest.strip()))
    return out


def sent_to_the_builder(path):
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    return (ROOT / path).exists() and not any(fnmatch.fnmatch(part, pattern.removeprefix("**/")) for pattern in ignored for part in Path(path).parts)


def faults_of_image(text, known, tmp_path):
    lines = instructions(text)
    last = lines[-1][0]
    final = {name: rest for stage, name, rest in lines if stage == last}
    faults = []
    if HADOLINT.exists():
        (tmp_path / "Dockerfile").write_text(text)
        done = subprocess.run([HADOLINT, "--no-color", tmp_path / "Dockerfile"], capture_output=True, text=True)
        faults += done.stdout.splitlines() if done.returncode else []
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", final.get("USER", "")):
        faults.append("the image runs as root, or as a name that Kubernetes cannot judge")
    if "HEALTHCHECK" not in final:
        faults.append("the image does not say how its health is asked for")
    command = json.loads(final.get("ENTRYPOINT", "[]")) + json.loads(final.get("CMD", "[]"))
    if command[:2] != ["sclip", "serve"]:
        faults.append(f"the image starts {command}")
    faults += unknown_options(command, known)
    for stage, name, rest in lines:
        if name == "COPY" and "--from" not in rest:
            faults += [f"{source} is not there to be copied" for source in rest.split()[:-1] if not sent_to_the_builder(source)]
        if name == "RUN" and stage == 1:
            faults += [f"{path} is not there to be used" for path in re.findall(r"(?<![\w/])(?:packaging|weights|scripts)/[\w./-]+", rest)
                       if not sent_to_the_builder(path)]
            declared = " ".join(p.read_text() for p in (ROOT / "CMakeLists.txt", *ROOT.glob("*/CMakeLists.txt"), *ROOT.glob("cmake/*.cmake")))
            faults += [f"CMake has no option {option}" for option in re.findall(r"-D(SCLIP_\w+)", rest) if not re.search(rf"\b{option}\b", declared)]
            faults += [f"the build has no argument {used}" for used in re.findall(r"\$\{(\w+)\}", rest)
                       if not any(n == "ARG" and s == stage and r.split("=")[0] == used for s, n, r in lines)]
    return faults


@needs_hadolint
def test_the_image_has_no_fault(known, tmp_path):
    assert faults_of_image(DOCKERFILE, known, tmp_path) == []


@needs_hadolint
@pytest.mark.parametrize("right, wrong, told", [
    ("USER 65532:65532\n", "", "as root"), ("USER 65532:65532", "USER nobody", "cannot judge"), ("HEALTHCHECK", "# HEALTHCHECK", "health"),
    ("--drain-delay-ms", "--drain-delay", "no --drain-delay"), ("--from=build", "--from=biuld", "DL3022"),
    ("COPY scripts/setup.sh", "COPY script/setup.sh", "script/setup.sh is not there"), ("COPY scripts/setup.sh", "COPY build/sclip", "is not there"),
    ("container/healthy.sh", "container/health.sh", "is not there to be used"), ("-DSCLIP_CUDASIM=", "-DSCLIP_CUDASIMULATOR=", "no option SCLIP_CUDASIMULATOR"),
    ("${CUDA}", "${CUDA_ON}", "no argument CUDA_ON"), ("FROM ${RUNTIME}", "FROM debian", "DL3006"), ("ENTRYPOINT", "ENTRIPOINT", "unexpected"),
    (" && rm -rf /var/lib/apt/lists/*", "", "DL3009"), ('CMD ["serve", ', "CMD [serve, ", "unexpected")])
def test_a_fault_of_the_image_is_found(right, wrong, told, known, tmp_path):
    assert right in DOCKERFILE
    try:
        faults = faults_of_image(DOCKERFILE.replace(right, wrong), known, tmp_path)
    except json.JSONDecodeError:
        faults = ["unexpected"]
    assert any(told in fault for fault in faults), faults


@pytest.mark.parametrize("script", ["healthy.sh", "runtime_packages.sh"])
def test_the_images_scripts_are_programs(script):
    path = ROOT / "packaging/container" / script
    interpreter = path.read_text().splitlines()[0].removeprefix("#!")
    assert path.stat().st_mode & 0o111 and subprocess.run([interpreter, "-n", path]).returncode == 0
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_images_health_is_the_services(sclip):
    script = ROOT / "packaging/container/healthy.sh"
    with serving("-q") as service:
        assert subprocess.run([script, str(service.port)]).returncode == 0
    assert subprocess.run([script, str(service.port)], stderr=subprocess.DEVNULL).returncode != 0
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        assert subprocess.run([script, str(silent.getsockname()[1])], timeout=20).returncode != 0


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="packages are Debian's")
def test_the_image_has_the_libraries_that_the_program_loads(sclip):
    script = ROOT / "packaging/container/runtime_packages.sh"
    packages = subprocess.run([script, SCLIP], capture_output=True, text=True, check=True).stdout.split()
    assert len(packages) > 10 and "libc6" in packages and not [p for p in packages if p.endswith("-dev")]
    there = set(subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True).stdout.splitlines())
    there = {str(Path(path).resolve()) for path in there if ".so" in path}
    loaded = [line.split(" => ")[1].split(" (")[0] for line in subprocess.run(["ldd", str(SCLIP)], capture_output=True, text=True, check=True)
              .stdout.splitlines() if " => /" in line]
    missing = [path for path in loaded if str(Path(path).resolve()) not in there and "/cuda" not in str(Path(path).resolve())]
    assert len(loaded) > 10 and missing == []
    refused = subprocess.run([script, script], capture_output=True, text=True)  # no program
    assert refused.returncode != 0 and refused.stdout == ""


# The unit.

def of_unit(text, name):
    return re.findall(rf"^{name}=(.*)$", text, re.M)


def faults_of_unit(text, known, tmp_path):
    (command,) = of_unit(text, "ExecStart") or ["nothing"]
    words = shlex.split(command.replace("$SCLIP_OPTIONS", ""))
    faults = unknown_options(words, known)
    if words[:2] != ["/usr/bin/sclip", "serve"]:
        faults.append(f"the unit starts {words}")
    if not (limit := of_unit(text, "TimeoutStopSec")) or float(limit[0]) < longest_end(words):
        faults.append(f"the unit ends the service before {longest_end(words):.0f} s have passed")
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "sclip.service"
        unit.write_text(text.replace("/usr/bin/sclip", str(SCLIP)))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
        faults += [line for line in (done.stdout + done.stderr).splitlines() if "sclip.service" in line]
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit], capture_output=True, text=True)
        faults += [line for line in done.stdout.splitlines() if "Overall" in line] if done.returncode else []
    return faults


@needs_systemd
def test_the_unit_has_no_fault(known, tmp_path):
    assert faults_of_unit(UNIT, known, tmp_path) == []


@needs_systemd
@pytest.mark.parametrize("right, wrong, told", [
    ("ProtectSystem=", "ProtectSytem=", "Unknown key"), ("ProtectHome=yes", "ProtectHome=maybe", "ProtectHome|protect home"),
    ("Type=exec", "Type=execute", "Type|service type"), ("/usr/bin/sclip", "/usr/bin/no-sclip", "not executable|starts"),
    ("--drain-delay-ms 2000", "--drain-delay 2", "no --drain-delay"), ("TimeoutStopSec=60", "TimeoutStopSec=30", "before 52 s"),
    ("DynamicUser=yes", "User=root", "exposure level"), ("SystemCallFilter=@system-service", "SystemCallFilter=@system-services", "system-services"),
    ("RestrictAddressFamilies=AF_INET ", "RestrictAddressFamilies=AF_INTE ", "AF_INTE")])
def test_a_fault_of_the_unit_is_found(right, wrong, told, known, tmp_path):
    assert right in UNIT
    faults = faults_of_unit(UNIT.replace(right, wrong), known, tmp_path)
    assert any(re.search(told, fault) for fault in faults), faults


@needs_systemd
@pytest.mark.parametrize("wrong, told", [("", None), ("PrivateDevicez=no\n", "Unknown key")])
def test_the_printed_change_of_the_unit_is_one(wrong, told, tmp_path):
    blocks = re.findall(r"^```\n(\[Service\]\n.*?)^```$", (ROOT / "docs/deploy.md").read_text(), re.M | re.S)
    assert len(blocks) == 1 and "PrivateDevices=no" in blocks[0]
    (tmp_path / "sclip.service").write_text(UNIT.replace("/usr/bin/sclip", str(SCLIP)))
    (tmp_path / "sclip.service.d").mkdir()
    (tmp_path / "sclip.service.d/change.conf").write_text((blocks[0] + wrong).replace("/usr/bin/sclip", str(SCLIP)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "sclip.service"], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    faults = [line for line in (done.stdout + done.stderr).splitlines() if "sclip.service" in line]
    assert any(told in fault for fault in faults) if told else faults == []


@needs_systemd
def test_the_units_exposure_is_the_documentations(tmp_path):
    (tmp_path / "sclip.service").write_text(UNIT)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", tmp_path / "sclip.service"], capture_output=True, text=True)
    (level,) = re.findall(r"Overall exposure level for sclip.service: ([\d.]+)", done.stdout)
    (documented,) = re.findall(r"exposure of ([\d.]+) on its scale", (ROOT / "docs/deploy.md").read_text())
    assert abs(float(level) - float(documented)) <= 0.3  # releases of systemd weigh some things differently


# The manifests.

def documents(text):
    import yaml
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def container_of(found):
    return found["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def faults_of_manifests(texts, known):
    import kubernetes_validate
    from yamllint import linter
    from yamllint.config import YamlLintConfig
    faults = [f"{name}: {fault}" for name, text in texts.items()
              for fault in linter.run(text, YamlLintConfig("{extends: default, rules: {line-length: disable}}"))]
    found = {}
    for text in texts.values():
        found |= documents(text)
    for kind, document in found.items():
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            faults.append(f"Kubernetes {KUBERNETES} has no {document['apiVersion']} {kind}")
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{kind}: {error}")
    if faults:
        return faults
    pod = found["Deployment"]["spec"]["template"]
    container, labels = container_of(found), pod["metadata"]["labels"]
    faults += unknown_options(container["args"], known)
    if pod["spec"].get("terminationGracePeriodSeconds", 30) < longest_end(container["args"]):
        faults.append(f"the pod is killed before {longest_end(container['args']):.0f} s have passed")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    if f"--port={ports.get('http')}" not in container["args"] or "--bind=0.0.0.0" not in container["args"]:
        faults.append("the container listens where nobody asks")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        ask = container.get(probe, {}).get("httpGet", {})
        if ask.get("port") not in ports or ask.get("path") != ("/healthz" if probe == "livenessProbe" else "/readyz"):
            faults.append(f"the {probe} asks {ask}")
    for kind, selector in (("Deployment", found["Deployment"]["spec"]["selector"]["matchLabels"]), ("Service", found["Service"]["spec"]["selector"]),
                           ("PodDisruptionBudget", found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"])):
        if not selector.items() <= labels.items():
            faults.append(f"the {kind} selects other pods")
    faults += [f"the Service leads to port {p['targetPort']}" for p in found["Service"]["spec"]["ports"] if p["targetPort"] not in ports]
    target, name = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"], found["Deployment"]["metadata"]["name"]
    if (target["kind"], target["name"]) != ("Deployment", name):
        faults.append("the autoscaler scales something else")
    if f"--threads={container['resources']['limits']['cpu']}" not in container["args"]:
        faults.append("the container has not as many threads as processors")
    security = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
    if not (security.get("runAsNonRoot") and security.get("readOnlyRootFilesystem") and security.get("allowPrivilegeEscalation") is False):
        faults.append("the container may do more than it needs")
    return faults


@needs_validate
def test_the_manifests_have_no_fault(known):
    assert faults_of_manifests(MANIFESTS, known) == []


@needs_validate
@pytest.mark.parametrize("right, wrong, told", [
    ("readinessProbe:", "readynessProbe:", "readynessProbe"), ("replicas: 2", "replicas: two", "integer|type"), ("periodSeconds: 2\n", "periodSeconds: 2\n            periodSeconds: 2\n", "duplication"),
    ("- --drain-delay-ms=", "- --drain-delay=", "no --drain-delay"), ("PeriodSeconds: 75", "PeriodSeconds: 30", "before 60 s"),
    ("path: /healthz", "path: /health", "livenessProbe asks"), ("containerPort: 8080", "containerPort: 80", "nobody asks"),
    ("targetPort: http", "targetPort: web", "port web"), ("    app.kubernetes.io/name: sclip\n  ports", "    app.kubernetes.io/name: slcip\n  ports", "selects other pods"),
    ("apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n", "v1beta1"), ("    kind: Deployment\n    name: sclip", "    kind: Deployment\n    name: clip", "something else"),
    ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "more than it needs"), ("- --threads=4", "- --threads=8", "threads")])
def test_a_fault_of_the_manifests_is_found(right, wrong, told, known):
    assert any(right in text for text in MANIFESTS.values())
    faults = faults_of_manifests({name: text.replace(right, wrong) for name, text in MANIFESTS.items()}, known)
    assert any(re.search(told, fault) for fault in faults), faults


@needs_validate
def test_the_pods_command_line_serves_its_probes(sclip):
    """Its options, started, and its probes, asked; the autoscaler's series is one of the service's."""
    found = documents(MANIFESTS["sclip"])
    container = container_of(found)
    given = [a for a in container["args"][1:] if not re.match(r"--(port|bind|drain-delay-ms)=", a)]
    with serving("-q", *given, "--drain-delay-ms=0") as service:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert service.ask("GET", container[probe]["httpGet"]["path"]).status == 200
        series = documents(MANIFESTS["autoscaling"])["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
        assert re.search(rf"^{series} ", service.ask("GET", "/metrics").body.decode(), re.M)


def options_of_text(text):
    """What a page says in its words, and in its command lines behind `sclip serve` and in SCLIP_OPTIONS."""
    blocks = "\n".join(re.findall(r"```.*?```", text, re.S))
    lines = re.findall(r"sclip serve (.*)", blocks) + re.findall(r'SCLIP_OPTIONS="(.*?)"', blocks)
    words = re.findall(r"`(--[^`]*)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [word for line in lines + words for word in line.split() if word.startswith("--")]


def test_the_documentation_names_options_that_there_are(known):
    text = (ROOT / "docs/deploy.md").read_text()
    used = options_of_text(text)
    assert {"--model", "--bind", "--token-file", "--drain-delay-ms", "--threads"} <= set(used) and unknown_options(used, known) == []
    assert unknown_options(options_of_text(text.replace("--token-file", "--token")), known) == ["sclip serve has no --token"]
    assert unknown_options(options_of_text(text.replace("`--threads`", "`--thread`")), known) != []
