"""How a process proves to Kafka who it is, and Kafka to it: TLS and SASL, as settings, for aiokafka, and for FastStream's broker."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Protocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
_SASL: dict[Mechanism, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


@dataclass(frozen=True)
class KafkaSecurity:
    """What every connection of a process to Kafka uses. The default is none at all."""

    protocol: Protocol = "plaintext"
    context: ssl.SSLContext | None = None
    mechanism: Mechanism | None = None
    user: str = ""
    password: str = field(default="", repr=False)

    def options(self) -> dict[str, Any]:
        """The keywords of aiokafka's clients."""
        options: dict[str, Any] = {"security_protocol": self.protocol.upper(), "ssl_context": self.context}
        if self.mechanism is not None:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def of_broker(self) -> BaseSecurity:
        """The same for FastStream."""
        encrypted = self.context is not None
        if self.mechanism is None:
            return BaseSecurity(ssl_context=self.context, use_ssl=encrypted)
        made = _SASL[self.mechanism]
        return made(self.user, self.password, ssl_context=self.context, use_ssl=encrypted)


class KafkaSettings(BaseSettings):
    """The environment's part about it. Raises ``ValidationError`` where it is not whole, or says what the protocol does not use."""

    model_config = SettingsConfigDict(env_prefix="HAUKIEM_", frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_security: Protocol | None = None
    """Production must say which, ``plaintext`` too; the local stack is ``plaintext`` where nothing is said."""
    kafka_ca_file: Path | None = None
    """Who signs the brokers' certificates (PEM); None for those whom the system trusts."""
    kafka_cert_file: Path | None = None
    kafka_key_file: Path | None = None
    """Our own certificate and its key (PEM), where the brokers ask for one."""
    kafka_sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_sasl_user: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_sasl_password_file: Path | None = None
    """The password, or the file that has it: what a mounted secret is."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        files = (self.kafka_ca_file, self.kafka_cert_file, self.kafka_key_file)
        given = [path for path in files if path is not None]
        if given and self.kafka_security not in ("ssl", "sasl_ssl"):
            raise ValueError("certificates are given, and HAUKIEM_KAFKA_SECURITY is neither ssl nor sasl_ssl")
        if (self.kafka_cert_file is None) != (self.kafka_key_file is None):
            raise ValueError("HAUKIEM_KAFKA_CERT_FILE and HAUKIEM_KAFKA_KEY_FILE belong together")
        if missing := [str(path) for path in given if not path.is_file()]:
            raise ValueError(f"there is no file {missing[0]}")
        return self

    @model_validator(mode="after")
    def _sasl_is_whole(self) -> Self:
        user, password, file = self.kafka_sasl_user, self.kafka_sasl_password, self.kafka_sasl_password_file
        if self.kafka_security not in ("sasl_plaintext", "sasl_ssl"):
            if user is not None or password is not None or file is not None:
                raise ValueError(
                    "a SASL user or password is given, and HAUKIEM_KAFKA_SECURITY is neither sasl_plaintext nor sasl_ssl"
                )
            return self
        if not user:
            raise ValueError("HAUKIEM_KAFKA_SASL_USER is missing")
        if (password is None) == (file is None):
            raise ValueError("give either HAUKIEM_KAFKA_SASL_PASSWORD or HAUKIEM_KAFKA_SASL_PASSWORD_FILE")
        if file is not None and not file.is_file():
            raise ValueError(f"there is no file {file}")
        return self

    def security_of_kafka(self) -> KafkaSecurity:
        """What the settings say. Raises ``OSError`` when a file cannot be read, or is not what it should be."""
        protocol = self.kafka_security or "plaintext"
        context = None
        if protocol in ("ssl", "sasl_ssl"):
            context = ssl.create_default_context(cafile=self.kafka_ca_file)
            if self.kafka_cert_file is not None:
                context.load_cert_chain(self.kafka_cert_file, self.kafka_key_file)
        if protocol not in ("sasl_plaintext", "sasl_ssl"):
            return KafkaSecurity(protocol, context)
        return KafkaSecurity(
            protocol, context, self.kafka_sasl_mechanism, self.kafka_sasl_user or "", self._sasl_password()
        )

    def _sasl_password(self) -> str:
        if self.kafka_sasl_password_file is not None:
            return self.kafka_sasl_password_file.read_text("utf-8").rstrip("\r\n")
        return self.kafka_sasl_password.get_secret_value() if self.kafka_sasl_password else ""
