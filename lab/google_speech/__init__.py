"""Google's speech services: listening and speaking, live and whole (cloud.google.com/speech-to-text/v2/docs)."""

from lab.google_speech import client, listen, listen_v1, speak
from lab.http import Provider

PROVIDER = Provider(
    name="google-speech",
    routes={
        ("GRPC", "/google.cloud.speech.v2.Speech/StreamingRecognize"): listen.live,
        ("GRPC", "/google.cloud.speech.v1.Speech/StreamingRecognize"): listen_v1.live,
        ("GRPC", "/google.cloud.texttospeech.v1.TextToSpeech/StreamingSynthesize"): speak.live,
        ("POST", "/v1/text:synthesize"): speak.whole,
        ("GET", "/v1/voices"): speak.voices,
        ("POST", "/v1/speech:recognize"): listen_v1.recorded,
        ("POST", "/v2/projects/{project}/locations/{location}/recognizers/_:recognize"): listen.recorded,
        ("GET", "/v2/projects/{project}/locations/{location}/recognizers"): client.recognizers,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.headers,
    example=(
        "curl '{origin}/google-speech/v2/projects/lab/locations/global/recognizers' -H 'x-goog-api-key: any'"
    ),
)
