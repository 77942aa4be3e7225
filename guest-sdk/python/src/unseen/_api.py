"""A lab that is served: its API, over HTTPS."""

from __future__ import annotations

import base64
import secrets
import ssl
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from ._project import Project
from ._signing import Key, Review, digest_of, needed, sign, unbase64
from ._transport import LAB, Change, Question, expected
from .errors import JSON, Lang, Refused, Unreachable, passes, told

#: Seconds that a request may take with its answer: opening a release may wait for witnesses.
TIMEOUT = httpx.Timeout(120, connect=10)
#: How long one rests before a change is handed in again whose answer was lost.
RESTS = (0.3, 1.0, 3.0)
LOCAL = ("localhost", "127.0.0.1", "::1")


class Api:
    """A lab at an address. Logs in with the key, if there is one, and again when the session has ended."""

    def __init__(
        self,
        url: str,
        *,
        key: Key | None,
        certificate: tuple[Path, Path] | None,
        authority: Path | None,
        token: str | None,
        log: str | None,
        lang: Lang,
    ) -> None:
        self.lang = lang
        self.key = key
        self.person: str | None = None
        self._url = url.rstrip("/")
        self._host = self._plain_host()
        headers = {"accept-language": lang, "user-agent": "unseen-python"}
        local = urlsplit(self._url).hostname in LOCAL
        self._http = httpx.Client(
            base_url=self._url,
            verify=self._tls(certificate, authority),
            headers=headers,
            timeout=TIMEOUT,
            # A proxy is no way to this machine.
            trust_env=not local,
        )
        weakref.finalize(self, self._http.close)
        if token is not None:
            self._http.headers["authorization"] = f"Bearer {token}"
        named = self._log_in(key) if key else str(self.ask(LAB)["origin"])
        self.log = expected(log, named, self._host, lang)

    def ask(self, question: Question, name: str = "", **only: str) -> JSON:
        return self._json("GET", question.path.format(name=quote(name, safe="")), params=only)

    def twin(self, dataset: str, rows: int, seed: int) -> bytes:
        name = quote(dataset, safe="")
        asked: dict[str, Any] = {"rows": rows, "seed": seed}
        return self._send("GET", f"/v1/datasets/{name}/twin/{name}.csv", params=asked).content

    def check(self, project: Project) -> JSON:
        fields = {"name": project.name, "manifest": project.manifest}
        if project.module is not None:
            self._upload(project.module)
            fields["module"] = digest_of(project.module)
        if self.key is not None:
            fields["author"] = self.key.public
        return self._json("POST", "/v1/checks", json=fields)

    def question(self, fields: JSON) -> JSON:
        return self._json("POST", "/v1/questions", json=fields)

    def make(self, change: Change, review: Review | None = None, key: Key | None = None) -> JSON:
        key = needed(key or self.key, self.lang)
        for blob in change.blobs:
            self._upload(blob)
        path = change.path.format(job=quote(change.job, safe=""))
        draft = self._json("POST", f"{path}/draft", params={"signer": key.public}, json=change.fields)
        entry = sign(unbase64(draft["toSign"]), change.wish, self.log, key, review, self.lang)
        body = {"change": change.fields, "entry": base64.b64encode(entry).decode()}
        # The same entry counts once: where the line broke, it is asked for again whether it did.
        return self._patiently(lambda: self._json("POST", path, json=body))

    def close(self) -> None:
        self._http.close()

    def _patiently(self, ask: Callable[[], JSON]) -> JSON:
        for rest in RESTS:
            try:
                return ask()
            except (Refused, Unreachable) as error:
                if not passes(error):
                    raise
                time.sleep(rest)
        return ask()

    def _upload(self, blob: bytes) -> None:
        headers = {"content-type": "application/octet-stream"}
        path = f"/v1/blobs/{digest_of(blob).removeprefix('sha256:')}"
        self._send("PUT", path, content=blob, headers=headers)

    def _log_in(self, key: Key) -> str:
        """A session by the key; the name of the log."""
        self._http.headers.pop("authorization", None)
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        nonce = secrets.token_hex(16)
        said = f"unseen login v1\n{self._host}\n{moment}\n{nonce}\n{key.public}\n"
        login = {
            "host": self._host,
            "time": moment,
            "nonce": nonce,
            "key": key.public,
            "signature": base64.b64encode(key.sign(said.encode())).decode(),
        }
        session = self._answer(self._request("POST", "/v1/login", json=login))
        self._http.headers["authorization"] = f"Bearer {session['token']}"
        self.person = str(session["name"])
        return str(session["log"])

    def _json(self, method: str, path: str, **more: Any) -> JSON:
        return self._read(self._send(method, path, **more))

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A good answer. A session that has ended is begun again, once."""
        response = self._request(method, path, **more)
        if response.status_code == 401 and self.key is not None and self._problem(response):
            self._log_in(self.key)
            response = self._request(method, path, **more)
        return self._good(response)

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.TimeoutException:
            raise Unreachable(
                told(
                    self.lang,
                    f"{self._host} took too long: look whether it did what was asked, then try again",
                    f"{self._host} 响应超时：请先查看是否已执行，再重试",
                )
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(
                told(self.lang, f"{self._host} cannot be reached: {error}", f"无法连接 {self._host}：{error}")
            ) from None

    def _answer(self, response: httpx.Response) -> JSON:
        return self._read(self._good(response))

    def _good(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        problem = self._problem(response)
        if not problem:
            raise self._strange(response.status_code)
        sentence = str(problem.get("detail") or problem.get("title") or "")
        data = problem.get("data")
        raise Refused(
            str(problem.get("code", "")),
            sentence,
            lang=self.lang,
            status=response.status_code,
            data=data if isinstance(data, dict) else None,
        )

    def _read(self, response: httpx.Response) -> JSON:
        """An answer of a lab: it names its schema."""
        answer = _object(response)
        if not str(answer.get("schema", "")).startswith("urn:unseen:schema:"):
            raise self._strange(response.status_code)
        return answer

    def _problem(self, response: httpx.Response) -> JSON | None:
        """What the lab says is wrong (RFC 9457), if it is the lab that says it."""
        kind = response.headers.get("content-type", "")
        return _object(response) if kind.startswith("application/problem+json") else None

    def _strange(self, status: int) -> Unreachable:
        return Unreachable(
            told(
                self.lang,
                f"{self._host} answered with something that is not a lab's answer ({status}): is this the address of a lab?",
                f"{self._host} 的答复（{status}）不是实验室的答复：这是实验室的地址吗？",
            )
        )

    def _plain_host(self) -> str:
        """Host and port, as a log-in is signed for. What is not encrypted goes to this machine only."""
        try:
            parts = urlsplit(self._url)
            host = parts.netloc
            secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
            fine = bool(parts.hostname) and secure and parts.port != 0 and self._url == f"{parts.scheme}://{host}"
        except ValueError:
            fine, host = False, ""
        if not fine or "@" in host:
            raise Refused(
                "client.address",
                told(
                    self.lang,
                    f"{self._url} is not the address of a lab: it begins with https:// (or http:// on this machine) and ends with a host and port",
                    f"{self._url} 不是实验室地址：应以 https:// 开头（本机可用 http://），后面只有主机和端口",
                ),
            )
        return host

    def _tls(self, certificate: tuple[Path, Path] | None, authority: Path | None) -> ssl.SSLContext:
        file = authority
        try:
            context = ssl.create_default_context(cafile=str(authority) if authority else None)
            if certificate is not None:
                file = certificate[0]
                context.load_cert_chain(*certificate)
        except (OSError, ssl.SSLError) as error:
            raise Refused(
                "client.pem",
                told(
                    self.lang,
                    f"{file}: this holds no certificate, or key, in PEM ({error.strerror or error})",
                    f"{file}：其中没有 PEM 格式的证书或密钥（{error.strerror or error}）",
                ),
                data={"path": str(file)},
            ) from None
        return context


def _object(response: httpx.Response) -> JSON:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
