"""The command on feedback."""

from sqlalchemy.ext.asyncio import AsyncConnection

from db.statements.athletes import feedback
from graph.commands.idempotency import RequestKey
from graph.context import Context, WriteRules
from graph.input_checks import InputChecks, checked_text
from graph.types.account_mutation import SubmitFeedbackInput, SubmitFeedbackPayload
from graph.types.enums import UserErrorCode
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock


async def submit_feedback(context: Context, wanted: SubmitFeedbackInput) -> SubmitFeedbackPayload:
    """Store a message to the operator. The caller may be signed out.

    Raises MutationRefused, CallerError.
    """
    rules = context.write_rules()
    values = {"account_id": context.viewer.account_id, "feedback_sender": rules.sender}
    checks = InputChecks()
    with checks.of_field():
        values["message"] = checked_text(
            wanted.message, "input.message", min_length=1, max_length=5000
        )
    with checks.of_field():
        values["contact"] = (
            checked_text(wanted.contact, "input.contact", max_length=200, is_line=True) or None
        )
    checks.finish()
    key = RequestKey.from_input(context, "submitFeedback", wanted)

    async def store(connection: AsyncConnection) -> None:
        if not (key and await key.take(connection)):
            is_signed_out = context.viewer.account_id is None
            await _check_room(connection, rules, is_signed_out=is_signed_out)
            await connection.execute(feedback.create(), values)

    await context.database.writing(store)
    return SubmitFeedbackPayload(accepted=True)


async def _check_room(
    connection: AsyncConnection, rules: WriteRules, *, is_signed_out: bool
) -> None:
    with waiting_for_lock():
        await connection.execute(feedback.lock())
    counted = await connection.execute(feedback.counts(), {"feedback_sender": rules.sender})
    counts = counted.mappings().one()
    if counts["recent"] >= rules.feedback_per_caller:
        message = (
            f"You have sent {rules.feedback_per_caller} messages in 24 hours, which is the "
            "maximum. Send more tomorrow."
        )
        raise MutationRefused(UserErrorCode.CONFLICT, message)
    # Signed-out callers have half of the room, so that they cannot take it from accounts.
    is_full = counts["all"] >= rules.feedback_max
    if is_signed_out and counts["signed_out"] >= (rules.feedback_max + 1) // 2:
        is_full = True
    if is_full:
        message = "This server takes no more feedback until its operator has read some. Try later."
        raise MutationRefused(UserErrorCode.CONFLICT, message)
