"""`azureml.core.webservice.AciWebservice`: how a service in a single container is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naiad.azureml.core.webservice.aks import configuration
from naiad.azureml.core.webservice.webservice import Webservice
from naiad.azureml.printing import accept_unused
from naiad.targets.deployment_config import DeploymentConfig


class AciWebservice(Webservice):
    """A service that was deployed with a container's configuration (azure-ml.md §2.10)."""

    @staticmethod
    def deploy_configuration(
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        location: str | None = None,
        auth_enabled: bool | None = None,
        ssl_enabled: bool | None = None,
        enable_app_insights: bool | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        ssl_cname: str | None = None,
        dns_name_label: str | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        collect_model_data: bool | None = None,
        **unused: Any,
    ) -> DeploymentConfig:
        """How to deploy in a single container; on compute target `local` what can apply there does.

        Args:
            cpu_cores: processors of the container.
            memory_gb: its memory.
            tags: of the service, as properties and description.
            location: accepted, as enable_app_insights, dns_name_label and collect_model_data.
            auth_enabled: whether requests need a key; they do not when left out.
            ssl_enabled: whether the service speaks TLS, with the three values after it.
            primary_key: the first key; a random one when left out, as the secondary_key.
            unused: customer-managed keys and virtual networks: accepted and not used.

        Raises:
            WebserviceException: when values cannot be used; each has a line.
        """
        accept_unused("AciWebservice.deploy_configuration()", collect_model_data=collect_model_data, **unused)
        return configuration(
            {
                "computeType": "aci",
                "containerResourceRequirements": {"cpu": cpu_cores, "memoryInGB": memory_gb},
                "tags": tags,
                "properties": properties,
                "description": description,
                "location": location,
                "authEnabled": auth_enabled,
                "sslEnabled": ssl_enabled,
                "appInsightsEnabled": enable_app_insights,
                "sslCertificate": ssl_cert_pem_file,
                "sslKey": ssl_key_pem_file,
                "cname": ssl_cname,
                "dnsNameLabel": dns_name_label,
                "keys": {"primaryKey": primary_key, "secondaryKey": secondary_key},
            }
        )
