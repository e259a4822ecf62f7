"""``fastapi._form_limits``: private there, and used to annotate ``form_limits``"""

from trivium.binding.limits import FormLimits as _FormLimits
from trivium.binding.limits import checked_form_limits as _validate_form_limits

__all__ = ["_FormLimits", "_validate_form_limits"]
