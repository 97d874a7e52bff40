"""What the clients must know of the rpcs of `workflows`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.orchestrator.v1 import node_type_service_pb2
from switchyard.orchestrator.v1 import workflow_service_pb2

from ... import paging, resume
from ...method import Method, Paged

SUBMIT: Final = Method("/switchyard.orchestrator.v1.WorkflowService/SubmitWorkflow", workflow_service_pb2.SubmitWorkflowRequest, workflow_service_pb2.SubmitWorkflowResponse, repeatable=True)
UPLOAD: Final = Method("/switchyard.orchestrator.v1.WorkflowService/UploadWorkflow", workflow_service_pb2.UploadWorkflowRequest, workflow_service_pb2.UploadWorkflowResponse, repeatable=True)
GET: Final = Method("/switchyard.orchestrator.v1.WorkflowService/GetWorkflow", workflow_service_pb2.GetWorkflowRequest, workflow_service_pb2.GetWorkflowResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.orchestrator.v1.WorkflowService/ListWorkflows", workflow_service_pb2.ListWorkflowsRequest, workflow_service_pb2.ListWorkflowsResponse, repeatable=True), "workflows", paging.by_token)
UPDATE: Final = Method("/switchyard.orchestrator.v1.WorkflowService/UpdateWorkflow", workflow_service_pb2.UpdateWorkflowRequest, workflow_service_pb2.UpdateWorkflowResponse)
DELETE: Final = Method("/switchyard.orchestrator.v1.WorkflowService/DeleteWorkflow", workflow_service_pb2.DeleteWorkflowRequest, workflow_service_pb2.DeleteWorkflowResponse, repeatable=True)
LIST_VERSIONS: Final = Paged(Method("/switchyard.orchestrator.v1.WorkflowService/ListWorkflowVersions", workflow_service_pb2.ListWorkflowVersionsRequest, workflow_service_pb2.ListWorkflowVersionsResponse, repeatable=True), "versions", paging.by_token)
DIFF: Final = Method("/switchyard.orchestrator.v1.WorkflowService/DiffWorkflow", workflow_service_pb2.DiffWorkflowRequest, workflow_service_pb2.DiffWorkflowResponse, repeatable=True)
RUN: Final = Method("/switchyard.orchestrator.v1.WorkflowService/RunWorkflow", workflow_service_pb2.RunWorkflowRequest, workflow_service_pb2.RunWorkflowResponse, repeatable=True)
TRIGGER_WEBHOOK: Final = Method("/switchyard.orchestrator.v1.WorkflowService/TriggerWebhook", workflow_service_pb2.TriggerWebhookRequest, workflow_service_pb2.TriggerWebhookResponse, repeatable=True)
ROTATE_WEBHOOK: Final = Method("/switchyard.orchestrator.v1.WorkflowService/RotateWebhook", workflow_service_pb2.RotateWebhookRequest, workflow_service_pb2.RotateWebhookResponse)
LIST_NODE_TYPES: Final = Method("/switchyard.orchestrator.v1.NodeTypeService/ListNodeTypes", node_type_service_pb2.ListNodeTypesRequest, node_type_service_pb2.ListNodeTypesResponse, repeatable=True)
PUBLISH_NODE_TYPES: Final = Method("/switchyard.orchestrator.v1.NodeTypeService/PublishNodeTypes", node_type_service_pb2.PublishNodeTypesRequest, node_type_service_pb2.PublishNodeTypesResponse)
