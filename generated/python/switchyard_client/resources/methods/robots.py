"""What the clients must know of the rpcs of `robots`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.orchestrator.v1 import fleet_service_pb2
from switchyard.orchestrator.v1 import job_run_service_pb2
from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1 import robot_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CREATE_ENROLMENT: Final = Method("/switchyard.orchestrator.v1.FleetService/CreateEnrolment", fleet_service_pb2.CreateEnrolmentRequest, fleet_service_pb2.CreateEnrolmentResponse)
LIST: Final = Paged(Method("/switchyard.orchestrator.v1.FleetService/ListRobots", fleet_service_pb2.ListRobotsRequest, fleet_service_pb2.ListRobotsResponse, repeatable=True), "robots", paging.by_token)
DRAIN: Final = Method("/switchyard.orchestrator.v1.FleetService/DrainRobot", fleet_service_pb2.DrainRobotRequest, fleet_service_pb2.DrainRobotResponse)
RESUME: Final = Method("/switchyard.orchestrator.v1.FleetService/ResumeRobot", fleet_service_pb2.ResumeRobotRequest, fleet_service_pb2.ResumeRobotResponse)
DELETE: Final = Method("/switchyard.orchestrator.v1.FleetService/DeleteRobot", fleet_service_pb2.DeleteRobotRequest, fleet_service_pb2.DeleteRobotResponse, repeatable=True)
REGISTER: Final = Method("/switchyard.orchestrator.v1.RobotService/RegisterRobot", robot_service_pb2.RegisterRobotRequest, robot_service_pb2.RegisterRobotResponse)
HEARTBEAT: Final = Method("/switchyard.orchestrator.v1.RobotService/Heartbeat", robot_service_pb2.HeartbeatRequest, robot_service_pb2.HeartbeatResponse)
CLAIM_JOB: Final = Method("/switchyard.orchestrator.v1.RobotService/ClaimJob", robot_service_pb2.ClaimJobRequest, robot_service_pb2.ClaimJobResponse)
WATCH_ASSIGNMENTS: Final = Method("/switchyard.orchestrator.v1.RobotService/WatchAssignments", robot_service_pb2.WatchAssignmentsRequest, robot_service_pb2.WatchAssignmentsResponse, repeatable=True)
REPORT_JOB_PROGRESS: Final = Method("/switchyard.orchestrator.v1.RobotService/ReportJobProgress", robot_service_pb2.ReportJobProgressRequest, robot_service_pb2.ReportJobProgressResponse)
APPEND_JOB_LOG: Final = Method("/switchyard.orchestrator.v1.RobotService/AppendJobLog", robot_service_pb2.AppendJobLogRequest, robot_service_pb2.AppendJobLogResponse)
COMPLETE_JOB: Final = Method("/switchyard.orchestrator.v1.RobotService/CompleteJob", robot_service_pb2.CompleteJobRequest, robot_service_pb2.CompleteJobResponse)
FAIL_JOB: Final = Method("/switchyard.orchestrator.v1.RobotService/FailJob", robot_service_pb2.FailJobRequest, robot_service_pb2.FailJobResponse)
RELEASE_JOB: Final = Method("/switchyard.orchestrator.v1.RobotService/ReleaseJob", robot_service_pb2.ReleaseJobRequest, robot_service_pb2.ReleaseJobResponse)
ENROL: Final = Method("/switchyard.orchestrator.v1.RobotService/EnrolRobot", robot_service_pb2.EnrolRobotRequest, robot_service_pb2.EnrolRobotResponse)
ROTATE_TOKEN: Final = Method("/switchyard.orchestrator.v1.RobotService/RotateRobotToken", robot_service_pb2.RotateRobotTokenRequest, robot_service_pb2.RotateRobotTokenResponse)
RESOLVE_JOB_ADDRESS: Final = Method("/switchyard.orchestrator.v1.JobRunService/ResolveJobAddress", job_run_service_pb2.ResolveJobAddressRequest, job_run_service_pb2.ResolveJobAddressResponse)
GET_SUBWORKFLOW: Final = Method("/switchyard.orchestrator.v1.JobRunService/GetSubworkflow", job_run_service_pb2.GetSubworkflowRequest, job_run_service_pb2.GetSubworkflowResponse)
SAVE_CHECKPOINT: Final = Method("/switchyard.orchestrator.v1.JobRunService/SaveCheckpoint", job_run_service_pb2.SaveCheckpointRequest, job_run_service_pb2.SaveCheckpointResponse)
UPLOAD_JOB_ARTIFACT: Final = Method("/switchyard.orchestrator.v1.JobRunService/UploadJobArtifact", job_run_service_pb2.UploadJobArtifactRequest, job_run_service_pb2.UploadJobArtifactResponse)
WATCH: Final = Method("/switchyard.orchestrator.v1.LiveService/WatchRobots", live_service_pb2.WatchRobotsRequest, live_service_pb2.WatchRobotsResponse, repeatable=True, resumes=resume.from_present)
