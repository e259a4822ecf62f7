"""The reports of days, which are built in the background."""

from datetime import date

from trivium import APIRouter, BackgroundTasks, HTTPException, Request, Response, Security, status
from trivium.responding.responses import FileResponse

from ..accounts import WRITE
from ..dependencies import SettingsDep, get_grant
from ..models import Flight
from ..reports import build_report, built_at, built_reports, report_path
from ..schemas import Problem, ReportOut

router = APIRouter(prefix="/reports", tags=["reports"])


@router.get("")
def list_reports(settings: SettingsDep, request: Request) -> list[ReportOut]:
    """List the reports that have been built, the newest day first."""
    return [
        ReportOut(
            day=day,
            url=str(request.url_for("read_report", day=day)),
            bytes=path.stat().st_size,
            built=built_at(path),
        )
        for day, path in built_reports(settings.reports)
    ]


@router.post(
    "/{day}",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Security(get_grant, scopes=[WRITE])],
    responses={401: {"model": Problem}, 403: {"model": Problem}, 404: {"model": Problem}},
)
async def order_report(
    day: date,
    settings: SettingsDep,
    tasks: BackgroundTasks,
    request: Request,
    response: Response,
) -> dict[str, str]:
    """Have the report of a day built. The answer says where it will be in a moment."""
    if not await Flight.objects.filter(day=day).exists():
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There are no flights on {day}")
    tasks.add_task(build_report, settings.reports, day)
    url = str(request.url_for("read_report", day=day))
    response.headers["Location"] = url
    return {"report": url}


@router.get(
    "/{day}.csv",
    response_class=FileResponse,
    responses={200: {"content": {"text/csv": {}}}, 404: {"model": Problem}},
)
def read_report(day: date, settings: SettingsDep) -> FileResponse:
    """Download a report as CSV."""
    path = report_path(settings.reports, day)
    if not path.is_file():
        raise HTTPException(
            status.HTTP_404_NOT_FOUND,
            f"There is no report of {day}: POST /reports/{day} has it built",
        )
    return FileResponse(path, media_type="text/csv", filename=f"flights-{day}.csv")
